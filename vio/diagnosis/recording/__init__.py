# SPDX-License-Identifier: Apache-2.0
"""Examine a whole recording: what is wrong with its clocks, sensors and calibration, in figures."""

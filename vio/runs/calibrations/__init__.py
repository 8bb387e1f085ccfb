# SPDX-License-Identifier: Apache-2.0
"""Calibrations in the forms of several programs."""

# SPDX-License-Identifier: Apache-2.0
"""Faults of a recording or its calibration, recognised from the data and named."""

# SPDX-License-Identifier: Apache-2.0
"""Kestrel: visual-inertial odometry as readable Python, bit-true integers and hardware."""

__version__ = "0.1.0"

# SPDX-License-Identifier: Apache-2.0
"""Tests of what a board has around the chip: fpga/common."""

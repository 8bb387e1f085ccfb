# SPDX-License-Identifier: Apache-2.0
"""Tests of the models of the device's cells, fpga/models."""

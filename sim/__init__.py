# SPDX-License-Identifier: Apache-2.0
"""Simulation of the Verilog: cocotb tests of the blocks, and what they share."""

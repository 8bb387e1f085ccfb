# SPDX-License-Identifier: Apache-2.0
"""Synthesis, placement and routing of Verilog blocks, and the structure of their netlists."""

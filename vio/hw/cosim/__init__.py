# SPDX-License-Identifier: Apache-2.0
"""The Verilog beside the golden model: the engine `rtl`, trace points, golden vectors."""

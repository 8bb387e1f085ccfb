# SPDX-License-Identifier: Apache-2.0
"""From DSLX to Verilog: XLS, list schedules, microcode, and the proofs of the compiled kernels."""

# SPDX-License-Identifier: Apache-2.0
"""The hardware: estimates, registers, co-simulation, synthesis, HLS and the back end's schedule."""

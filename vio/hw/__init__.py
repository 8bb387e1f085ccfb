# SPDX-License-Identifier: Apache-2.0
"""Accounts of the hardware: memory, cycles and energy of the front end that `vio.fixed` models."""

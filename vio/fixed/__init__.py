# SPDX-License-Identifier: Apache-2.0
"""The golden model: the front end in integers, bit for bit what the hardware computes."""

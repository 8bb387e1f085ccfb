# SPDX-License-Identifier: Apache-2.0
"""Models of the front end before synthesis: memory, cycles, memory traffic and energy."""

# SPDX-License-Identifier: Apache-2.0
"""The lane programs of the vector engine: traced, scheduled, written as its microprogram."""

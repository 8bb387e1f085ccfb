# SPDX-License-Identifier: Apache-2.0
"""The back end's arithmetic in fixed-order float32: the bit-exact reference of hls/."""

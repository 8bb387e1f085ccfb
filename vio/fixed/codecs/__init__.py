# SPDX-License-Identifier: Apache-2.0
"""Kernels of the frame-buffer codecs: each turns a 4x4 block into a word and back."""

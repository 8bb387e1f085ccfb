# SPDX-License-Identifier: Apache-2.0
"""The back end's arithmetic in fixed-order float32: the bit-exact reference of hls/.

float, so3, qr, cholesky, linearize and imu mirror the modules of hls/; batches and kernels run them
over many operands. schedule and marginalize write the back end's calls of a vector engine from the
window's structure (structure, calls, memory_map); execute and window run them (observe, inertial).
"""

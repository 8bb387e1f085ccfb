# SPDX-License-Identifier: Apache-2.0
"""The back end as a schedule of kernel calls: cycles, memory and energy of a keyframe."""

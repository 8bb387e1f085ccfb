# SPDX-License-Identifier: Apache-2.0
"""The back end: tracks and inertial data to states."""

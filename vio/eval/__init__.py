# SPDX-License-Identifier: Apache-2.0
"""Trajectories measured against ground truth."""

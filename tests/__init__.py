# SPDX-License-Identifier: Apache-2.0
"""Tests: one file per module; real data is found through VIO_DATA."""

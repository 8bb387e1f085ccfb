# SPDX-License-Identifier: Apache-2.0
"""The sub-commands of `vio`, one a file."""

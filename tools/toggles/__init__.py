# SPDX-License-Identifier: Apache-2.0
"""Energy of blocks by the toggles of their netlists of standard cells."""

# SPDX-License-Identifier: Apache-2.0
"""Front ends: images in, verified tracks out."""

# SPDX-License-Identifier: Apache-2.0
"""Image pyramid of the golden model: the float engine's is integer already, so it is the same."""

from vio.frontend.pyramid import Pyramid, build_pyramid, halve

__all__ = ["Pyramid", "build_pyramid", "halve"]

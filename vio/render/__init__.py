# SPDX-License-Identifier: Apache-2.0
"""Rendered sequences in EuRoC layout: worlds, cameras, sensors, scenarios and hybrids."""

from vio.render.sequence import (
    Sequence,
    open_hybrid,
    open_scenario,
    render_hybrid,
    render_scenario,
    write_sequence,
)

__all__ = [
    "Sequence",
    "open_hybrid",
    "open_scenario",
    "render_hybrid",
    "render_scenario",
    "write_sequence",
]

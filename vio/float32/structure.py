# SPDX-License-Identifier: Apache-2.0
"""The structure of a window of the back end: all that its schedule depends on."""

from dataclasses import dataclass

import numpy as np

from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS
from vio.backend.window import ACTIVE, Window


@dataclass(frozen=True)
class Landmark:
    """Hold one landmark: its row in the table, its host, and who sees it.

    host: index of the frame. views: (frame, mask) in order of time, the host's first if there is
    one; mask: bit 0 left, bit 1 right.
    """

    row: int
    host: int
    views: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> int:
        """Rows of its block: two an observation."""
        return 2 * sum(mask.bit_count() for _, mask in self.views)

    @property
    def others(self) -> tuple[tuple[int, int], ...]:
        """Views of other frames than the host."""
        return tuple(v for v in self.views if v[0] != self.host)

    @property
    def other_rows(self) -> int:
        """Rows with Jacobians by poses."""
        return 2 * sum(mask.bit_count() for _, mask in self.others)

    @property
    def frames(self) -> list[int]:
        """Frames whose poses the block touches, in order of time."""
        return sorted({self.host, *(f for f, _ in self.views)})


@dataclass(frozen=True)
class Structure:
    """Hold a window's structure: frames are counted from 0 in order of time.

    dims: columns of each frame, 15 or 6. frozen: whether its first estimate differs from its
    state. factors: pairs of frames. prior: (frame, columns), and the prior's rows.
    """

    dims: tuple[int, ...]
    frozen: tuple[bool, ...]
    landmarks: tuple[Landmark, ...]
    factors: tuple[tuple[int, int], ...]
    prior: tuple[tuple[int, int], ...]
    prior_rows: int

    @property
    def columns(self) -> int:
        """Columns of the reduced system."""
        return sum(self.dims)

    @property
    def first(self) -> tuple[int, ...]:
        """First column of each frame."""
        return tuple(np.concatenate([[0], np.cumsum(self.dims)[:-1]]).tolist())

    @property
    def observations(self) -> int:
        """Observations of all landmarks."""
        return sum(lm.rows for lm in self.landmarks) // 2


def landmark_of(window: Window, row: int) -> Landmark:
    """Return the structure of a landmark of a window."""
    index = {slot: i for i, slot in enumerate(window.order)}
    host = index[int(window.host[row])]
    mask = window.mask[row]
    seen = [(index[s], int(mask[s])) for s in window.order if mask[s]]
    seen.sort(key=lambda view: (view[0] != host, view[0]))
    return Landmark(int(row), host, tuple(seen))


def structure_of(window: Window) -> Structure:
    """Return the structure of a window as it is."""
    index = {slot: i for i, slot in enumerate(window.order)}
    prior = window.prior
    return Structure(
        tuple(FULL_COLUMNS if window.is_full[s] else POSE_COLUMNS for s in window.order),
        tuple(bool(window.linearized[s]) for s in window.order),
        tuple(landmark_of(window, row) for row in window.active_rows()),
        tuple((index[f.slot_i], index[f.slot_j]) for f in window.factors),
        ()
        if prior is None
        else tuple((index[s], d) for s, d in zip(prior.slots, prior.dims, strict=True)),
        0 if prior is None else len(prior.r),
    )


@dataclass(frozen=True)
class Leaving:
    """Hold what a marginalisation removes: whole frames, and other frames' velocity and biases."""

    structure: Structure
    frames: tuple[int, ...]
    motions: tuple[int, ...]


def leaving_of(window: Window, frames: list[int], motions: list[int]) -> Leaving:
    """Return the structure of a marginalisation about to happen; arguments as `marginalize`."""
    index = {slot: i for i, slot in enumerate(window.order)}
    s = structure_of(window)
    gone = tuple(index[f] for f in frames)
    rows = np.flatnonzero(window.lm_state == ACTIVE)
    rows = rows[np.isin(window.host[rows], frames)]
    rows = rows[np.count_nonzero(window.mask[rows], axis=1) >= 2]
    hosted = tuple(landmark_of(window, int(row)) for row in rows)
    kept = tuple(lm for lm in s.landmarks if lm.host not in gone)
    s = Structure(s.dims, s.frozen, hosted + kept, s.factors, s.prior, s.prior_rows)
    return Leaving(s, gone, tuple(index[f] for f in motions))

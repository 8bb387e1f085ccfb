# SPDX-License-Identifier: Apache-2.0
"""Pairs of views SPACING_S apart with the tracks that both see."""

from dataclasses import dataclass

import numpy as np

from vio.camera import Camera
from vio.diagnosis.recording.flow import SPACING_S, FlowFrame
from vio.diagnosis.recording.two_view import LEAST_POINTS, rotation_between
from vio.diagnosis.rotation import RotationPair
from vio.geometry import log_so3

LONGEST_S = 0.4  # between the two views
MOST_DISTANCE = 0.01  # median epipolar distance of a rotation that is believed, ray units
MOST_ROTATIONS = 300  # that are computed, evenly spread


@dataclass(frozen=True)
class ViewPair:
    """Hold N tracks of two views of the left camera: uv0, uv1 (N, 2), raw pixels."""

    t0_ns: int
    t1_ns: int
    uv0: np.ndarray
    uv1: np.ndarray

    @property
    def flow_px(self) -> float:
        """Median displacement of the tracks, pixels."""
        if not len(self.uv0):
            return float("nan")
        return float(np.median(np.hypot(*(self.uv1 - self.uv0).T)))


class PairCollector:
    """Form pairs from frames as they come."""

    def __init__(self) -> None:
        self.pairs: list[ViewPair] = []
        self._last: FlowFrame | None = None

    def add(self, frame: FlowFrame) -> None:
        """Add a frame; one that is SPACING_S or more after the last one used makes a pair."""
        last = self._last
        if last is not None and (frame.t_ns - last.t_ns) * 1e-9 < SPACING_S - 1e-3:
            return
        self._last = frame
        if last is None or (frame.t_ns - last.t_ns) * 1e-9 > LONGEST_S:
            return
        _, i, j = np.intersect1d(last.ids, frame.ids, assume_unique=True, return_indices=True)
        self.pairs.append(ViewPair(last.t_ns, frame.t_ns, last.uv_left[i], frame.uv_left[j]))


def image_rotations(pairs: list[ViewPair], camera: Camera) -> list[RotationPair]:
    """Return the rotations of the left camera over those pairs that determine one."""
    found = []
    for pair in pairs[:: max(1, -(-len(pairs) // MOST_ROTATIONS))]:
        if len(pair.uv0) < LEAST_POINTS:
            continue
        a, b = camera.unproject(pair.uv0), camera.unproject(pair.uv1)
        seen = np.isfinite(a[:, 0]) & np.isfinite(b[:, 0])
        result = rotation_between(a[seen], b[seen])
        if result is None or not result[1] < MOST_DISTANCE:
            continue
        phi = log_so3(np.ascontiguousarray(result[0].T))
        if np.isfinite(phi).all():
            found.append(RotationPair(pair.t0_ns, pair.t1_ns, phi))
    return found

# SPDX-License-Identifier: Apache-2.0
"""What a run leaves in memory: one packed row a frame, enough for metrics and figures."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vio.adaptive import Level
from vio.data import State, Status
from vio.trajectory import Trajectory

STATUSES = tuple(Status)

# Columns of a row: name, width.
_LAYOUT = (
    ("status", 1),
    ("segment", 1),
    ("is_keyframe", 1),
    ("tracks", 1),
    ("stereo", 1),
    ("p_world_body", 3),
    ("q_world_body", 4),
    ("v_world_body", 3),
    ("gyro_bias_rad_s", 3),
    ("accel_bias_m_s2", 3),
    ("std_rotation_rad", 3),
    ("std_position_m", 3),
    ("vision_innovation", 1),
    ("inertial_innovation", 1),
    ("segment_std_rotation_rad", 3),
    ("segment_std_position_m", 3),
    ("scale_sigma", 1),
    ("effort", 1),  # a Level, NaN where the settings do not move
)
_WIDTH = sum(width for _, width in _LAYOUT)


@dataclass
class RunLog:
    """Collect the states of a run in 304 bytes a frame; values that are not known are NaN."""

    _t_ns: array = field(default_factory=lambda: array("q"))
    _rows: array = field(default_factory=lambda: array("d"))
    _stages: dict[str, array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._t_ns)

    def append(self, state: State, stage_ms: dict[str, float]) -> None:
        """Add one frame; stage_ms: wall-clock of its stages, milliseconds."""
        for name in stage_ms:
            if name not in self._stages:
                self._stages[name] = array("d", [np.nan] * len(self))
        for name, column in self._stages.items():
            column.append(stage_ms.get(name, np.nan))
        stereo = 0 if state.tracks is None else state.tracks.is_stereo.sum()
        row = [
            float(STATUSES.index(state.status)),
            float(state.segment),
            float(state.is_keyframe),
            float(0 if state.tracks is None else len(state.tracks.ids)),
            float(stereo),
        ]
        for name, width in _LAYOUT[5:10]:
            value = getattr(state, name)
            row += [np.nan] * width if value is None else [float(x) for x in value]
        row += [np.nan] * 6 if state.covariance is None else pose_std(state.covariance)
        for innovation in (state.vision_innovation, state.inertial_innovation):
            row.append(np.nan if innovation is None else innovation)
        within = state.segment_covariance
        row += [np.nan] * 6 if within is None else pose_std(within)
        row.append(np.nan if state.scale_sigma is None else state.scale_sigma)
        row.append(float(Level[state.effort.upper()]) if state.effort else np.nan)
        self._t_ns.append(state.t_ns)
        self._rows.extend(row)

    @classmethod
    def from_columns(
        cls,
        t_ns: np.ndarray,
        columns: Mapping[str, np.ndarray],
        stages_ms: Mapping[str, np.ndarray],
    ) -> "RunLog":
        """Return a log of N frames: t_ns (N,) int64; columns by name, those left out are NaN."""
        rows = np.full((len(t_ns), _WIDTH), np.nan)
        start = 0
        for name, width in _LAYOUT:
            if name in columns:
                rows[:, start : start + width] = columns[name].reshape(-1, width)
            start += width
        stages = {name: array("d", ms.tolist()) for name, ms in stages_ms.items()}
        return cls(array("q", t_ns.tolist()), array("d", rows.ravel().tolist()), stages)

    @property
    def t_ns(self) -> np.ndarray:
        """(N,) int64, nanoseconds."""
        return np.array(self._t_ns, dtype=np.int64)

    def column(self, name: str) -> np.ndarray:
        """Return a column, (N,) or (N, width) float64, named as the State's field."""
        rows = np.array(self._rows).reshape(len(self), _WIDTH)
        start = 0
        for known, width in _LAYOUT:
            if known == name:
                return rows[:, start] if width == 1 else rows[:, start : start + width]
            start += width
        raise KeyError(name)

    def stages_ms(self) -> dict[str, np.ndarray]:
        """Return the wall-clock of each stage, (N,) milliseconds, NaN where it did not run."""
        return {name: np.array(column) for name, column in self._stages.items()}

    def has_pose(self) -> np.ndarray:
        """Return (N,) bool: the frames that have a pose."""
        return np.isfinite(self.column("p_world_body")[:, 0])

    def trajectory(self, rows: np.ndarray) -> Trajectory:
        """Return the poses of some frames: rows is an index array; each must have a pose."""
        return Trajectory(
            self.t_ns[rows],
            *(self.column(name)[rows] for name, _ in _LAYOUT[5:10]),
        )


def pose_std(covariance: np.ndarray) -> list[float]:
    """Return the standard deviations of rotation (3, rad) and position (3, m) of a State."""
    return [float(x) for x in np.sqrt(np.maximum(np.diag(covariance)[:6], 0.0))]

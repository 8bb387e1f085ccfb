# SPDX-License-Identifier: Apache-2.0
"""The energy of a run by the counted account: each frame with the settings that it was given.

Front end: the model of vio.hw.estimates.energy, from what engine `fixed` counted. Back end: that of
vio.hw.schedule, with windows spread over all by their observations in place of the others. A
skipped frame costs `skipped_pj`. Docs: docs/evaluate/adaptive.md.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from vio.adaptive import Level
from vio.config import Config
from vio.data import State, Status
from vio.effort import settings_at
from vio.hw.estimates import cycles as cy
from vio.hw.estimates.energy import (
    FLOAT_ADD_PJ,
    FLOAT_MULTIPLY_PJ,
    SMALLEST_KIB,
    VARIANTS,
    access_pj,
    arithmetic_pj,
    frame_pj,
)
from vio.hw.estimates.memory import inventory
from vio.hw.estimates.operations import Operations
from vio.hw.estimates.work import FrameWork, frame_work, mean_work
from vio.hw.schedule.machine import Machine
from vio.hw.schedule.totals import Window, keyframe_costs, spread_windows, traced_windows

SAMPLES = 16  # windows whose cost is computed, a quarter of a second each
# Of a prediction: operations of hls/imu.v a sample, and of a covariance (15, 15) that is carried on
# by F C F' and by the preintegration's nine components, B D B'.
SAMPLE_OPERATIONS = 948
COVARIANCE_PRODUCTS = 2 * 15**3 + 15 * 9 * 9 + 15 * 15 * 9


class EnergyCount:
    """Collect the work of a run; enter `windows` around it."""

    def __init__(self, config: Config, imu_per_frame: float) -> None:
        """Begin; imu_per_frame: inertial samples between two frames."""
        self._config = config
        self._imu_per_frame = imu_per_frame
        self._works: dict[tuple[str, bool], list[FrameWork]] = {}
        self._skipped: Counter[str] = Counter()
        self._table = 0  # tracks of the last processed frame
        self._skipped_pj = 0.0
        self._kept: list[Window] = []
        self._ns: list[int] = []

    def windows(self) -> AbstractContextManager[None]:
        """Return the context in which the back end's steps are noted."""
        return traced_windows(self._kept)

    def add(self, state: State) -> None:
        """Count a frame."""
        self._ns.append(state.t_ns)
        if state.tracks is None:
            return
        if state.status is Status.PREDICTED:
            self._skipped[state.effort] += 1
            self._skipped_pj += skipped_pj(self._config, self._table, self._imu_per_frame)
            return
        self._table = len(state.tracks.ids)
        work = frame_work(state.tracks, self._config.frontend.levels)
        self._works.setdefault((state.effort, state.is_keyframe), []).append(work)

    def record(self) -> dict[str, Any] | None:
        """Return the account for JSON; None for fewer than two frames.

        Microjoule a second of flight of both ends, of the skipped frames, and in all; by level:
        frames that were processed, keyframes among them, skipped ones, microjoule of the front end.
        """
        if len(self._ns) < 2:
            return None
        count = len(self._ns)
        seconds = (self._ns[-1] - self._ns[0]) * 1e-9 * count / (count - 1)
        levels: dict[str, dict[str, Any]] = {}
        for level in sorted({name for name, _ in self._works} | set(self._skipped)):
            groups = [(k, w) for (name, k), w in self._works.items() if name == level]
            levels[level or "fixed"] = {
                "processed": sum(len(w) for _, w in groups),
                "keyframes": sum(len(w) for k, w in groups if k),
                "skipped": self._skipped[level],
                "frontend_uj": round(sum(self._front_uj(level, w) for _, w in groups), 3),
            }
        front = sum(row["frontend_uj"] for row in levels.values()) / seconds
        back = len(self._kept) * _mean_uj(self._kept, self._config.backend.lanes) / seconds
        skipped = self._skipped_pj * 1e-6 / seconds
        return {
            "seconds": round(seconds, 3),
            "frontend_uw": round(front, 2),
            "backend_uw": round(back, 2),
            "skipped_uw": round(skipped, 3),
            "mean_uw": round(front + back + skipped, 2),
            "backend_steps": len(self._kept),
            "levels": levels,
        }

    def _front_uj(self, level: str, works: Sequence[FrameWork]) -> float:
        """Return what frames of one level and kind took in all."""
        config = self._config
        if level:
            config = settings_at(config, Level[level.upper()])
        pj = sum(frame_pj(mean_work(works), config, VARIANTS[0]).values())
        return len(works) * pj * 1e-6


def _mean_uj(kept: Sequence[Window], lanes: int) -> float:
    """Return the mean energy of a step with its marginalisations on so many lanes."""
    if not kept:
        return 0.0
    machine = Machine(lanes)
    picked = spread_windows(kept, SAMPLES)
    return sum(c.energy_uj for w in picked for c in keyframe_costs(w, [machine])) / len(picked)


def skipped_pj(config: Config, tracks: int, imu_samples: float) -> float:
    """Return the energy of a skipped frame in picojoule: front end and inertial prediction.

    The front end composes two rotations, predicts the table's tracks, and decides on a keyframe.
    The prediction is preintegration and covariance in float32, each operation with three words of
    the smallest memory. The camera's read-out is in no frame's account.
    """
    (table,) = (m for m in inventory(config) if m.name == "track table")
    products = 2 * 27 + tracks * (2 * cy.TURN.multiplications + cy.PROJECT.multiplications)
    front = arithmetic_pj(Operations({("mul", 18, 18): products, ("add", 36): products}))
    front += 4 * tracks * access_pj(table.bits, table.kib / table.banks)
    operations = imu_samples * SAMPLE_OPERATIONS + 2 * COVARIANCE_PRODUCTS
    each = (FLOAT_MULTIPLY_PJ + FLOAT_ADD_PJ) / 2.0 + 3 * access_pj(32, SMALLEST_KIB)
    return front + operations * each

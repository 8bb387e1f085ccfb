# SPDX-License-Identifier: Apache-2.0
"""What a configuration costs by the models of vio.hw.estimates, from the work that runs counted.

Docs: docs/chip/budgets.md says how each model was made and how far it is from the Verilog.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from vio.config import Config
from vio.explore import backend
from vio.explore.backend import BackEnd
from vio.hw.estimates import cycles as cy
from vio.hw.estimates.energy import VARIANTS, frame_pj
from vio.hw.estimates.memory import inventory, total_kib
from vio.hw.estimates.work import FrameWork, worst_work

# Iterations that a window and level takes less when the step at which it ends is doubled: 0.36 to
# 0.5 on MH_01_easy and V2_01, from 0.01 to 0.08 px.
STOP_SAVES = 0.4


@dataclass(frozen=True)
class Costs:
    """Hold what a chip costs; all but `pause_cycles` are what a search may lower.

    kib, block_rams (DP16KD): on-chip memory of the front end. cycles_*: from a frame's last pixel
    to its last track; of mean frames, and the most that the sizes allow. cycles_s: a second of
    flight, the frames' pixels included, one a cycle. frames_s: frames a second when each waits for
    the last track of a worst keyframe before it. keyframe_uj: the front end's,
    of a keyframe with its tracking frames. frontend_uw, backend_uw, mean_uw: microjoule a second of
    flight, of each and of both. backend_kib, backend_rams (DP16KD), backend_cycles: of the vector
    engine, and of a mean step on it. pause_cycles: what the next frame must wait at worst so that
    its spare rows suffice.
    """

    kib: float
    block_rams: float
    cycles_tracking: float
    cycles_keyframe: float
    cycles_worst: float
    cycles_s: float
    frames_s: float
    keyframe_uj: float
    frontend_uw: float
    backend_uw: float
    mean_uw: float
    backend_kib: float
    backend_rams: float
    backend_cycles: float
    pause_cycles: float


# What a search lowers by which word, and the preset that has least of it.
OBJECTIVES = {"memory": "kib", "energy": "mean_uw", "cycles": "cycles_worst"}
PRESETS = {"smallest": "kib", "coolest": "mean_uw", "fastest": "cycles_worst"}


@dataclass(frozen=True)
class Work:
    """Hold the work of runs: of a mean tracking frame and a mean keyframe, and how many of each.

    seconds: of flight. back_end: of the steps of the window.
    """

    tracking: FrameWork
    keyframe: FrameWork
    tracking_frames: int
    keyframes: int
    seconds: float
    back_end: BackEnd

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def work_from(record: dict[str, Any]) -> Work:
    """Return the work of `Work.record`."""
    kinds = {
        kind: FrameWork(**{**record[kind], "iterations": tuple(record[kind]["iterations"])})
        for kind in ("tracking", "keyframe")
    }
    return Work(**{**record, **kinds, "back_end": BackEnd(**record["back_end"])})


def together(works: Sequence[Work]) -> Work:
    """Return the work of one or more runs as that of one: means weighted by their frames."""
    counts = [w.tracking_frames for w in works], [w.keyframes for w in works]
    return Work(
        _mean([w.tracking for w in works], counts[0]),
        _mean([w.keyframe for w in works], counts[1]),
        sum(counts[0]),
        sum(counts[1]),
        sum(w.seconds for w in works),
        backend.together([w.back_end for w in works]),
    )


def _mean(works: Sequence[FrameWork], weights: Sequence[int]) -> FrameWork:
    total = sum(weights)

    def mean(values: Sequence[float]) -> float:
        return sum(v * n for v, n in zip(values, weights, strict=True)) / total

    plain = {
        f.name: mean([getattr(w, f.name) for w in works])
        for f in fields(FrameWork)
        if f.name != "iterations"
    }
    levels = zip(*(w.iterations for w in works), strict=True)
    return FrameWork(iterations=tuple(mean(level) for level in levels), **plain)


def costs(work: Work, config: Config) -> Costs:
    """Return what a configuration costs that does this work."""
    memories = inventory(config)
    tracking, keyframe = (cy.total(w, config) for w in (work.tracking, work.keyframe))
    bounds = [worst_work(config, is_key) for is_key in (False, True)]
    worst = max(cy.total(w, config) for w in bounds)
    tracker = max(cy.klt(w, config) for w in bounds)
    pixels = config.hw.max_width * config.hw.max_height
    on_chip = VARIANTS[0]
    pj = [sum(frame_pj(w, config, on_chip).values()) for w in (work.tracking, work.keyframe)]
    frontend_uj = (work.tracking_frames * pj[0] + work.keyframes * pj[1]) * 1e-6
    backend_uj = work.back_end.steps * work.back_end.uj
    return Costs(
        kib=total_kib(memories),
        block_rams=sum(m.block_rams for m in memories),
        cycles_tracking=tracking,
        cycles_keyframe=keyframe,
        cycles_worst=worst,
        cycles_s=(work.tracking_frames * (pixels + tracking) + work.keyframes * (pixels + keyframe))
        / work.seconds,
        frames_s=config.hw.clock_mhz * 1e6 / (pixels + worst),
        keyframe_uj=frontend_uj / work.keyframes,
        frontend_uw=frontend_uj / work.seconds,
        backend_uw=backend_uj / work.seconds,
        mean_uw=(frontend_uj + backend_uj) / work.seconds,
        backend_kib=work.back_end.kib,
        backend_rams=backend.engine_rams(work.back_end.kib, config.backend.lanes),
        backend_cycles=work.back_end.cycles,
        pause_cycles=max(0.0, tracker - cy.spare_cycles(config)),
    )


def predict(work: Work, base: Config, config: Config) -> Work:
    """Return the work to expect of other settings than `base`: no more than their sizes allow.

    A search turns knobs by it before anything has run; what is reported is counted in a run.
    """
    saved = STOP_SAVES * math.log2(config.frontend.step_px / base.frontend.step_px)
    return replace(
        work,
        tracking=_within(_stopped(work.tracking, saved), worst_work(config, False)),
        keyframe=_within(_stopped(work.keyframe, saved), worst_work(config, True)),
        back_end=backend.predict(work.back_end, base, config),
    )


def _stopped(work: FrameWork, saved: float) -> FrameWork:
    """Return the work with so many iterations less of each window and level, which takes one."""
    left = tuple(max(n - saved * work.windows, min(n, work.windows)) for n in work.iterations)
    return replace(work, iterations=left)


def _within(work: FrameWork, bound: FrameWork) -> FrameWork:
    """Return the work with no part above a bound; levels that are left out cost nothing."""
    plain = {
        f.name: min(getattr(work, f.name), getattr(bound, f.name))
        for f in fields(FrameWork)
        if f.name not in ("iterations", "keyframe", "corners")
    }
    iterations = tuple(map(min, work.iterations, bound.iterations))
    return replace(work, iterations=iterations, corners=min(work.corners, bound.tracks), **plain)

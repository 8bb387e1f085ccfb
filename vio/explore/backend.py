# SPDX-License-Identifier: Apache-2.0
"""What the back end costs on its vector engine, from the windows that a run solved.

By the model of vio.hw.schedule (docs/hls/backend_schedule.md): each frame is a step, most of them
with marginalisations. A few windows, spread over all by their observations, stand for the others:
of the clip's 163 windows, 5 to 15 gave the mean energy of all to 4 %. The largest one sets the
memory.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache

from vio.config import Config
from vio.hw.schedule.machine import Machine
from vio.hw.schedule.totals import (
    Window,
    block_rams,
    keyframe_costs,
    memory_words,
    observations,
    spread_windows,
    traced_windows,
)
from vio.hw.schedule.worst_case import worst_case

WORDS_A_KIB = 256
SAMPLES = 8  # windows whose cost is computed, a quarter of a second each


@dataclass(frozen=True)
class BackEnd:
    """Hold what steps of the back end took: how many, their mean cycles and energy, the memory."""

    steps: int
    cycles: float
    uj: float
    kib: float


def traced(kept: list[Window]) -> AbstractContextManager[None]:
    """Append each step's window to `kept` while it is entered."""
    return traced_windows(kept)


def back_end(kept: Sequence[Window], lanes: int) -> BackEnd | None:
    """Return the cost of a run's windows on so many lanes; None when nothing was solved."""
    if not kept:
        return None
    machine = Machine(lanes)
    picked = spread_windows(kept, SAMPLES)
    found = [cost for w in picked for cost in keyframe_costs(w, [machine])]
    cycles, uj = (sum(getattr(c, n) for c in found) / len(picked) for n in ("cycles", "energy_uj"))
    words = sum(memory_words(max(reversed(kept), key=observations)).values())
    return BackEnd(len(kept), cycles, uj, words / WORDS_A_KIB)


def together(parts: Sequence[BackEnd]) -> BackEnd:
    """Return the cost of one or more runs as that of one."""
    steps = sum(p.steps for p in parts)
    return BackEnd(
        steps,
        sum(p.steps * p.cycles for p in parts) / steps,
        sum(p.steps * p.uj for p in parts) / steps,
        max(p.kib for p in parts),
    )


def predict(known: BackEnd, base: Config, config: Config) -> BackEnd:
    """Return the cost to expect of other settings, in proportion to that of full windows."""
    before, after = (
        _full(_frames(c), c.frontend.max_tracks, c.backend.lanes) for c in (base, config)
    )
    steps = [c.backend.iterations for c in (base, config)]
    share = steps[1] / steps[0]
    return replace(
        known,
        cycles=known.cycles * share * after.cycles / before.cycles,
        uj=known.uj * share * after.uj / before.uj,
        kib=known.kib * after.kib / before.kib,
    )


def engine_rams(kib: float, lanes: int) -> int:
    """Return the DP16KD of an engine with so much memory: of its banks, and of the lanes' files."""
    return block_rams(round(kib * WORDS_A_KIB), lanes)


def _frames(config: Config) -> int:
    return config.backend.keyframes + config.backend.recent_frames + 1


@lru_cache(maxsize=512)
def _full(frames: int, tracks: int, lanes: int) -> BackEnd:
    """Return the cost of a full window's step with its marginalisation."""
    step, leaving = worst_case(frames, tracks)
    found = back_end([Window("full", step, (leaving,))], lanes)
    assert found is not None
    return found

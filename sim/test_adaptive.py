# SPDX-License-Identifier: Apache-2.0
"""Settings that move between frames, and images that are skipped: the Verilog equals the golden
model."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sim.needs import needs_verilator
from sim.test_frontend import CONFIG, RIG, TURNS, frames, without
from vio.adaptive import Level
from vio.config import config_from_dict
from vio.data import StereoFrame, Tracks
from vio.effort import settings_at
from vio.explore.knobs import settings_of
from vio.hw.cosim.equivalence import PairedFrontEnd, different_fields

pytestmark = needs_verilator
__all__ = ["frames"]  # the fixture
_VALUES = {k: dict(v) for k, v in settings_of(CONFIG).items()}
_VALUES["adaptive"] |= {
    "cruise_tracks": 9,
    "rest_tracks": 5,
    "cruise_iterations": 4,
    "rest_iterations": 2,
}
ADAPTIVE = config_from_dict(_VALUES)
LEVELS = (Level.FULL, Level.CRUISE, Level.REST, Level.CRUISE, Level.FULL, Level.REST)


def _fly(frames: list[StereoFrame], twin: PairedFrontEnd) -> list[Tracks]:
    """Return the tracks of a flight whose level changes every third frame."""
    out, table = list[Tracks](), 0
    for k, frame in enumerate(frames):
        twin.configure(settings_at(ADAPTIVE, LEVELS[k // 3], table))
        skipped = k in (5, 8, 9)
        out.append(twin.track(without(frame, left=skipped), TURNS[k]))
        table = table if skipped else len(out[-1].ids)
    return out


def test_every_block_gives_the_words_of_the_golden_model(frames: list[StereoFrame]) -> None:
    twin = PairedFrontEnd(RIG, ADAPTIVE)
    moved = _fly(frames, twin)
    assert [(r.index, r.different) for r in twin.results if r.different] == []
    assert twin.rtl.driver.faults() == []
    assert all(len(moved[k].ids) == 0 for k in (5, 8, 9))
    steady = PairedFrontEnd(RIG, ADAPTIVE)
    fixed = [
        steady.track(without(f, left=k in (5, 8, 9)), R)
        for k, (f, R) in enumerate(zip(frames, TURNS, strict=True))
    ]
    changed = [k for k in range(len(frames)) if different_fields(moved[k], fixed[k])]
    assert changed
    assert min(changed) >= 3  # full effort up to there


def test_settings_that_only_one_of_them_gets_are_found(
    frames: list[StereoFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = PairedFrontEnd(RIG, ADAPTIVE)
    monkeypatch.setattr(twin.rtl, "configure", lambda config: None)
    _fly(frames, twin)
    assert [r.index for r in twin.results if r.different]


def test_the_table_may_hold_more_tracks_than_a_level(frames: list[StereoFrame]) -> None:
    """Then none is added, and none beyond the register's room is asked for."""
    twin = PairedFrontEnd(RIG, ADAPTIVE)
    first = twin.track(frames[0], TURNS[0])
    assert len(first.ids) > 5
    counts = [len(first.ids)]
    for k in range(1, 10):
        twin.configure(settings_at(ADAPTIVE, Level.REST, counts[-1]))
        counts.append(len(twin.track(frames[k], TURNS[k]).ids))
    assert [(r.index, r.different) for r in twin.results if r.different] == []
    assert np.all(np.diff(counts) <= 0)
    assert counts[-1] < counts[0]


def test_a_register_below_what_the_table_holds_adds_none(frames: list[StereoFrame]) -> None:
    """A host may lower it at any time, and not only as far as the software does."""
    often = replace(ADAPTIVE, keyframe=replace(ADAPTIVE.keyframe, max_age_s=0.1))
    twin = PairedFrontEnd(RIG, often)
    counts = [len(twin.track(frames[0], TURNS[0]).ids)]
    low = settings_at(often, Level.REST, 0)
    assert counts[0] > low.frontend.max_tracks
    for k in range(1, 10):
        twin.configure(low)
        counts.append(len(twin.track(frames[k], TURNS[k]).ids))
    assert [(r.index, r.different) for r in twin.results if r.different] == []
    assert sum(r.keyframe and counts[r.index - 1] > low.frontend.max_tracks
               for r in twin.results[1:]) > 0  # fmt: skip
    assert all(b <= max(a, low.frontend.max_tracks) for a, b in pairwise(counts))

# SPDX-License-Identifier: Apache-2.0
"""The lane programs: their microprogram gives the bits of the functions that they come from."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from tests.lane_lists import lane_calls, lane_results, layout_of, memory_of
from vio.errors import VioError
from vio.float32 import calls as c
from vio.float32.call_words import call_words, run_words
from vio.float32.calls import Builder
from vio.float32.schedule import Observed
from vio.hw.lanes import microcode, program
from vio.hw.lanes.fused import CODES, DIVIDE, IMMEDIATE
from vio.hw.lanes.model import Call, run_call
from vio.hw.lanes.program import FILE, INTERVAL, RESULT, VISIBLE, lane_program
from vio.hw.lanes.traced import PROGRAMS


def ran(seed: int, extreme: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the memory that the functions leave, and that of the microprogram (M,) uint32."""
    layout = layout_of(seed)
    calls, words = lane_calls(layout)
    memory = memory_of(layout, words, seed, extreme)
    got = memory.view(np.uint32).copy()
    coded, runs = call_words(calls, layout), run_words(calls, layout)
    with np.errstate(all="ignore"):
        results = lane_results(calls, layout, memory.copy())
        for number in range(len(calls)):
            places, values = results[number]
            memory[places] = values
            run_call(Call(coded[number], runs), got)
    return memory.view(np.uint32), got


@pytest.mark.parametrize("extreme", [False, True])
def test_the_microprogram_gives_the_bits_of_the_functions(extreme: bool) -> None:
    for seed in range(2):
        expected, got = ran(seed, extreme)
        assert np.flatnonzero(expected != got).tolist() == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_word_is_read_before_it_is_there_nor_after_it_is_gone(name: str) -> None:
    """Of each place of a file: between a value's arrival and its last reader nothing else comes."""
    p = lane_program(name)
    inputs = p.operations.inputs
    assert max(p.places) < FILE
    assert max(step.written for step in p.steps) == p.length - 1
    written = [step.written for step in p.steps]
    assert len(set(written)) == len(written)
    assert len({step.cycle for step in p.steps}) == len(p.steps)
    of_place: dict[int, list[tuple[int, int]]] = {}
    for k, (step, o) in enumerate(zip(p.steps, p.operations.operations, strict=True)):
        unit = CODES[o.kind][0]
        assert step.written - step.cycle == RESULT[unit] or unit == DIVIDE
        of_place.setdefault(p.places[inputs + k], []).append((step.written, inputs + k))
        for value in o.operands:
            if value >= inputs:
                assert p.steps[value - inputs].written + VISIBLE <= step.cycle
    for k, (step, o) in enumerate(zip(p.steps, p.operations.operations, strict=True)):
        for value in o.operands:
            there = of_place.get(p.places[value], [])
            before = [(w, v) for w, v in there if w + VISIBLE <= step.cycle]
            assert max(before, default=(0, value))[1] == value, (name, k)
    questions = sorted(
        (step.cycle, step.written)
        for step, o in zip(p.steps, p.operations.operations, strict=True)
        if CODES[o.kind][0] == DIVIDE
    )
    for (first, taken), (second, _) in pairwise(questions):
        assert second - first >= INTERVAL
        assert taken < second + RESULT[DIVIDE]


def test_a_microprogram_with_one_word_changed_gives_other_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words, moves, entries = microcode.memories()
    busy = [k for k, w in enumerate(words[:389]) if w >> 41 & 1 and w >> 42 != IMMEDIATE]
    changed = list(words)
    changed[busy[len(busy) // 2]] ^= 1 << 32  # another place
    monkeypatch.setattr("vio.hw.lanes.model.memories", lambda: (changed, moves, entries))
    expected, got = ran(0, False)
    assert (expected != got).any()


def test_a_program_that_does_not_fit_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "FILE", 50)
    with pytest.raises(VioError, match="needs"):
        program.lane_program.__wrapped__("observe_own")


def test_sums_and_products_are_joined_and_nothing_else_is_lost() -> None:
    p = lane_program("observe_own")
    kinds = Counter(o.kind for o in p.operations.operations)
    assert kinds["multiply_add"] > kinds["add"]
    assert kinds["div"] == kinds["sqrt"] == 2


def test_the_fields_of_an_observations_call() -> None:
    layout = layout_of(1)
    where, landmark = layout.where, layout.s.landmarks[1]
    builder = Builder()
    builder.lane(c.OBSERVE, 4321, Observed(landmark, 1, where.observations + 6, where.x))
    calls = builder.done()
    ((w0, w1, w2, w3),) = call_words(calls, layout).tolist()
    rays = landmark.rows // 2
    own = sum(mask.bit_count() for f, mask in landmark.views if f == landmark.host)
    assert (w0 & 31, w0 >> 5 & 3, w0 >> 7 & 63, w0 >> 13) == (c.OBSERVE, own, rays - own, where.x)
    assert (w1 & 0x1FFFF, w1 >> 17) == (4321, 0)
    assert (w2, w3) == (where.landmarks + 5, where.observations + 6)
    runs = run_words(calls, layout)
    assert len(runs) == 2 * rays
    assert runs[0] & 0x1FFFF == where.state(landmark.host)
    assert int(runs[0]) >> 17 & 0xFFF == layout.columns.pose[landmark.host]

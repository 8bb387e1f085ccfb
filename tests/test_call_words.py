# SPDX-License-Identifier: Apache-2.0
"""The words of calls hold the fields that `execute` reads, or the call is refused."""

import numpy as np
import pytest

from tests.lane_lists import lane_calls, layout_of
from vio.errors import VioError
from vio.float32 import calls as c
from vio.float32 import schedule
from vio.float32.call_words import call_words, coded, parts, run_words
from vio.float32.calls import Builder, Matrix


def bits(word: int, at: int, count: int, signed: bool = False) -> int:
    """Return a field of a word."""
    value = int(word) >> at & ((1 << count) - 1)
    return value - (1 << count) if signed and value >> (count - 1) else value


def test_a_straight_call_has_its_operands_in_a_word_each() -> None:
    builder = Builder()
    builder.vector(c.MULTIPLY_ADD, 12345, (70_000, -3), (5, 4095), (131_071, 0), triangle=3)
    ((w0, *words),) = call_words(builder.done()).tolist()
    assert (bits(w0, 0, 5), bits(w0, 5, 2)) == (c.MULTIPLY_ADD, 0)
    assert (bits(w0, 7, 2), bits(w0, 9, 14)) == (3, 12345)
    operands = [(bits(w, 0, 17), bits(w, 17, 13, signed=True)) for w in words]
    assert operands == [(70_000, -3), (5, 4095), (131_071, 0)]


def test_walked_calls_name_their_runs() -> None:
    builder = Builder()
    rows, columns = ((0, 3, 6),), ((0, 3, 6), (12, 40, 1))
    builder.product(c.DOWNDATE, Matrix(900, 41), 500, 17, 80, rows, columns)
    builder.transfer(c.ADD, Matrix(900, 41), Matrix(77, 13), rows, columns)
    builder.outer(Matrix(900, 41, 45), 2, 9, 99_000, 123, columns)
    calls = builder.done()
    product, transfer, outer = call_words(calls).tolist()
    assert [bits(w[0], 5, 2) for w in (product, transfer, outer)] == [1, 2, 3]
    assert (bits(product[0], 7, 8), bits(product[0], 15, 5), bits(product[0], 20, 5)) == (80, 1, 2)
    assert (bits(product[1], 0, 17), bits(product[1], 17, 12), bits(product[1], 29, 1)) == (
        900,
        41,
        0,
    )
    assert (bits(product[2], 0, 17), bits(product[2], 17, 13)) == (500, 17)
    assert (bits(transfer[2], 0, 17), bits(transfer[2], 17, 12)) == (77, 13)
    assert (bits(outer[1], 17, 12), bits(outer[1], 29, 1)) == (45, 1)
    assert bits(outer[2], 0, 17) == 123
    assert bits(outer[2], 17, 15) | bits(outer[0], 30, 2) << 15 == 99_000
    first = bits(product[3], 12, 12)
    found = [(bits(w, 20, 10), bits(w, 10, 10), bits(w, 0, 10)) for w in run_words(calls).tolist()]
    assert tuple(found[first : first + 2]) == columns


def test_a_lane_program_is_its_kind_alone() -> None:
    builder = Builder()
    builder.lane(c.FACTOR, 5, None)
    assert call_words(builder.done()).tolist() == [[c.FACTOR, 0, 0, 0]]


@pytest.mark.parametrize(
    ("count", "x", "step", "what"),
    [
        (16384, 0, 1, "count 16384"),
        (1, 131_072, 1, "x 131072"),
        (1, -1, 1, "x -1"),
        (1, 0, 4096, "4096"),
    ],
)
def test_a_call_beyond_its_fields_is_refused(count: int, x: int, step: int, what: str) -> None:
    builder = Builder()
    builder.vector(c.COPY, 1, (0, 1))
    builder.vector(c.COPY, count, (0, 1), (x, step))
    with pytest.raises(VioError, match=rf"call 1 \(copy\): .*{what}"):
        call_words(builder.done())


def test_calls_of_two_sources_and_runs_beyond_their_memory_are_refused() -> None:
    builder = Builder()
    run = ((0, 0, 1024),)
    builder.product(c.PRODUCT, Matrix(0, 41), 500, 17, 1, run, run)
    calls = builder.done()
    with pytest.raises(VioError, match=r"run \[0, 0, 1024\]"):
        run_words(calls)
    calls.code[0, c.Y] += 1
    with pytest.raises(VioError, match="not of one source"):
        call_words(calls)
    calls.code[0, c.TRIANGULAR] = 3
    with pytest.raises(VioError, match="another pitch"):
        call_words(calls)
    many = np.zeros((4097, 3), np.int64)
    with pytest.raises(VioError, match="4097 runs"):
        run_words(c.CallList(calls.code, many, ()))


def test_a_list_in_parts_has_the_runs_of_the_whole_and_no_part_has_more_than_its_room() -> None:
    layout = layout_of(1)
    calls, _ = lane_calls(layout)
    whole = schedule.step(layout.s, layout.where).linearize
    for given, room in ((calls, 30), (whole, 40)):
        found = [part for part, _ in parts(given, layout, room)]
        assert len(found) > 2
        assert sum(map(len, found)) == len(given)
        number = 0
        for part in found:
            assert len(run_words(part, layout)) <= room
            for call in part.code:
                expected = given.code[number]
                assert call[c.KIND] == expected[c.KIND]
                for first, count in ((c.ROWS, c.ROW_RUNS), (c.COLUMNS, c.COLUMN_RUNS)):
                    if expected[count]:
                        mine = part.runs[call[first] :][: call[count]]
                        own = given.runs[expected[first] :][: expected[count]]
                        assert np.array_equal(mine, own)
                number += 1
    with pytest.raises(VioError, match="memory holds 1"):
        list(parts(calls, layout, 1))


@pytest.mark.parametrize("room", [40, 4096])
def test_a_coded_list_is_that_of_its_parts(room: int) -> None:
    layout = layout_of(1)
    for given in (lane_calls(layout)[0], schedule.step(layout.s, layout.where).linearize):
        expected = [part for part, _ in parts(given, layout, room)]
        found = list(coded(given, layout, room))
        assert (len(found) == 1) == (room == 4096)
        for part, (words, runs) in zip(expected, found, strict=True):
            assert np.array_equal(words, call_words(part, layout))
            assert np.array_equal(runs, run_words(part, layout))
        given.code[-1, c.DEST] += 1
        words, _ = list(coded(given, layout, room))[-1]
        assert np.flatnonzero((words != found[-1][0]).any(axis=1)).tolist() == [len(words) - 1]

# SPDX-License-Identifier: Apache-2.0
"""Write calls as the vector engine reads them: four words of 32 bits each, and runs of 30 bits.

docs/chip/engine.md has the table of the fields; rtl/backend/vector_engine.v reads them.
"""

from collections.abc import Iterator

import numpy as np

from vio.errors import VioError
from vio.float32 import calls as c
from vio.float32.calls import CallList
from vio.float32.lane_words import Descriptor, LaneCall, Layout

WORDS = 4  # of a call
RUN_WORDS = 4096  # of the engine's memory of runs
LONGEST = 1023  # run; its places are below 1024
STRAIGHT, PRODUCT, TRANSFER, OUTER = range(4)  # forms

LaneCalls = dict[int, LaneCall]  # of lane programs by their number in the list
Field = tuple[str, np.ndarray, int, int]  # name, values, first bit, bits (negative: signed values)


class _Words:
    """Hold the words (N, 4) of calls while their fields are put in."""

    def __init__(self, code: np.ndarray) -> None:
        self.code = code
        self.out = np.zeros((len(code), WORDS), np.uint32)

    def put(self, numbers: np.ndarray, word: int, *fields: Field) -> None:
        """Put fields, each with a value for each of the calls `numbers`, into one of their words.

        Raises VioError for a value that its field does not hold.
        """
        for name, values, at, bits in fields:
            low, high = (0, 1 << bits) if bits > 0 else (-(1 << -bits - 1), 1 << -bits - 1)
            beyond = np.flatnonzero((values < low) | (values >= high))
            if beyond.size:
                number, value = int(numbers[beyond[0]]), int(values[beyond[0]])
                raise VioError(
                    f"call {number} ({c.NAMES[self.code[number, c.KIND]]}): {name} {value} is not "
                    f"within {low} .. {high - 1}; the engine cannot run it"
                )
            self.out[numbers, word] |= ((values & ((1 << abs(bits)) - 1)) << at).astype(np.uint32)

    def refuse(self, numbers: np.ndarray, wrong: np.ndarray, what: str) -> None:
        """Raise VioError for the first of the calls `numbers` that is wrong."""
        if wrong.any():
            raise VioError(f"call {int(numbers[wrong][0])} ({what}")


def _straight(words: _Words, numbers: np.ndarray) -> None:
    call = words.code[numbers].T
    falls, count = ("falling steps", -call[c.TRIANGULAR], 7, 2), ("count", call[c.ROWS], 9, 14)
    words.put(numbers, 0, falls, count)
    operands = ("destination", c.DEST, c.DEST_STEP), ("x", c.X, c.X_STEP), ("y", c.Y, c.Y_STEP)
    for word, (name, address, step) in enumerate(operands, 1):
        words.put(numbers, word, (name, call[address], 0, 17), ("its step", call[step], 17, -13))


def _walked(words: _Words, numbers: np.ndarray) -> None:
    call = words.code[numbers].T
    form, pitch = call[c.TRIANGULAR], call[c.DEST_STEP]
    row_runs = ("runs of rows", call[c.ROW_RUNS], 15, 5)
    column_runs = ("runs of columns", call[c.COLUMN_RUNS], 20, 5)
    words.put(numbers, 0, ("form", form, 5, 2), row_runs, column_runs)
    width = ("width", np.where(pitch, pitch, call[c.DEST_WIDTH]), 17, 12)
    words.put(
        numbers,
        1,
        ("destination", call[c.DEST], 0, 17),
        width,
        ("pitch", call[c.DEST_STEP] > 0, 29, 1),
    )
    words.put(numbers, 3, ("rows", call[c.ROWS], 0, 12), ("columns", call[c.COLUMNS], 12, 12))

    own = form == OUTER
    outer, n = call[:, own], numbers[own]
    other = (outer[c.X_STEP] != pitch[own]) | (pitch[own] == 0) | (outer[c.DEPTH] != 1)
    words.refuse(n, other, "outer product): x has another pitch than the destination")
    words.put(n, 0, ("x", outer[c.X] >> 15, 30, 2))
    words.put(n, 2, ("y", outer[c.Y], 0, 17), ("x", outer[c.X] & 0x7FFF, 17, 15))

    own = form == TRANSFER
    source = ("source", call[c.X, own], 0, 17)
    words.put(numbers[own], 2, source, ("width", call[c.X_STEP, own], 17, 12))

    own = form == PRODUCT
    product, n = call[:, own], numbers[own]
    other = (product[c.X] != product[c.Y]) | (product[c.X_STEP] != product[c.Y_STEP])
    words.refuse(n, other, "product): x and y are not of one source")
    words.put(n, 0, ("depth", product[c.DEPTH], 7, 8))
    source = ("source", product[c.X], 0, 17)
    words.put(n, 2, source, ("its pitch", product[c.X_STEP], 17, -13))


def _lanes(words: _Words, lanes: LaneCalls, places: dict[tuple[Descriptor, ...], int]) -> None:
    """Put the fields of lane programs; places: of their descriptors in the memory of runs."""
    numbers = np.array(list(lanes), np.int64)
    rows = [
        (*call.counts, call.step, call.dest, places[call.items], call.first, call.pairs)
        for call in lanes.values()
    ]
    own, others, step, dest, items, first, pairs = np.array(rows, np.int64).reshape(-1, 7).T
    passes = ("first pass", own, 5, 2), ("second pass", others, 7, 6)
    words.put(numbers, 0, *passes, ("step", step, 13, 17))
    words.put(numbers, 1, ("destination", dest, 0, 17), ("descriptors", items, 17, 12))
    words.put(numbers, 2, ("address", first, 0, 17))
    words.put(numbers, 3, ("pairs", pairs, 0, 17))


def _lane_calls(calls: CallList, layout: Layout) -> LaneCalls:
    numbers = np.flatnonzero(np.isin(calls.code[:, c.KIND], c.LANE_PROGRAMS)).tolist()
    rows = calls.code[numbers][:, (c.KIND, c.DEST, c.X)].tolist()
    return {
        number: layout.lane_call(kind, dest, calls.operands[x])
        for number, (kind, dest, x) in zip(numbers, rows, strict=True)
    }


def call_words(
    calls: CallList, layout: Layout | None = None, lanes: LaneCalls | None = None
) -> np.ndarray:
    """Return the words (N, 4) uint32 of a list; layout: where the operands of lane programs lie.

    Without it a lane program has its kind alone. lanes: what the layout gives, where it is known.
    Raises VioError for a call that the engine's fields do not hold.
    """
    if lanes is None:
        lanes = _lane_calls(calls, layout) if layout else {}
    words = _Words(calls.code)
    kind, form = calls.code[:, c.KIND], calls.code[:, c.TRIANGULAR]
    words.out[:, 0] = kind
    is_lane = np.isin(kind, c.LANE_PROGRAMS)
    _straight(words, np.flatnonzero(~is_lane & (form <= 0)))
    _walked(words, np.flatnonzero(~is_lane & (form > 0)))
    _lanes(words, lanes, _descriptors(len(calls.runs), lanes)[0])
    return words.out


def _descriptors(
    first: int, lanes: LaneCalls
) -> tuple[dict[tuple[Descriptor, ...], int], list[int]]:
    """Return where each call's descriptors lie, behind `first` runs, and their words."""
    places: dict[tuple[Descriptor, ...], int] = {}
    words: list[int] = []
    for call in lanes.values():
        if call.items not in places:
            places[call.items] = first + len(words)
            words += [address | column << 17 | bit << 29 for address, column, bit in call.items]
    return places, words


def run_words(
    calls: CallList, layout: Layout | None = None, lanes: LaneCalls | None = None
) -> np.ndarray:
    """Return a list's runs (M,) uint32: source, destination and length, 10 bits each.

    layout, lanes: as of `call_words`; the descriptors of lane programs follow. Raises VioError for
    a run, or for more runs, than the engine's memory of runs holds.
    """
    runs = calls.runs
    if runs.size and (runs.min() < 0 or runs.max() > LONGEST):
        worst = runs[np.argmax(runs.max(axis=1))].tolist()
        raise VioError(f"run {worst}: places and lengths are within 0 .. {LONGEST}")
    source, dest, length = runs.T.astype(np.uint32)
    if lanes is None:
        lanes = _lane_calls(calls, layout) if layout else {}
    words = np.array(_descriptors(len(runs), lanes)[1], np.uint32)
    out = np.concatenate([source << 20 | dest << 10 | length, words])
    if len(out) > RUN_WORDS:
        raise VioError(f"{len(out)} runs: the engine's memory holds {RUN_WORDS}")
    return out


def coded(
    calls: CallList, layout: Layout, room: int = RUN_WORDS
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the words (N, 4) and runs (M,) of a list, in parts that fit the memory of runs.

    Raises VioError for what the engine's fields do not hold, or a call that alone does not fit.
    """
    for part, own in parts(calls, layout, room):
        yield call_words(part, lanes=own), run_words(part, lanes=own)


def parts(
    calls: CallList, layout: Layout, room: int = RUN_WORDS
) -> Iterator[tuple[CallList, LaneCalls]]:
    """Yield a list in parts whose runs and descriptors fit the engine's memory of runs.

    With each come its calls of lane programs. Raises VioError for a call that alone does not fit.
    """
    lanes = _lane_calls(calls, layout)
    items = {call.items for call in lanes.values()}
    if len(calls.runs) + sum(map(len, items)) <= room:
        yield calls, lanes
        return
    begin = 0
    while begin < len(calls):
        code = calls.code[begin:].copy()
        places: dict[tuple[int, ...], int] = {}  # of runs
        runs: list[np.ndarray] = []
        items = set()
        used = 0
        for k, call in enumerate(code):
            mine = lanes[begin + k].items if begin + k in lanes else ()
            pairs = ((c.ROWS, c.ROW_RUNS), (c.COLUMNS, c.COLUMN_RUNS))
            fields = [(first, call[count]) for first, count in pairs if call[count]]
            lists = [calls.runs[call[first] : call[first] + count] for first, count in fields]
            keys = {tuple(rows.ravel().tolist()): rows for rows in lists}
            new = {key: rows for key, rows in keys.items() if key not in places}
            more = sum(map(len, new.values())) + (len(mine) if mine not in items else 0)
            if used + more > room:
                break
            used += more
            items.add(mine)
            for key, rows in new.items():
                places[key] = sum(map(len, runs))
                runs.append(rows)
            for (first, _), rows in zip(fields, lists, strict=True):
                call[first] = places[tuple(rows.ravel().tolist())]
        else:
            k += 1
        if not k:
            raise VioError(f"call {begin}: {more} runs; the engine's memory holds {room}")
        whole = np.concatenate(runs) if runs else np.zeros((0, 3), np.int64)
        own = {n - begin: call for n, call in lanes.items() if begin <= n < begin + k}
        yield CallList(code[:k], whole, calls.operands), own
        begin += k

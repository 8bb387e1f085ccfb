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

Field = tuple[str, int, int, int]  # name, value, first bit, bits (negative: of a signed value)


def _word(number: int, kind: int, fields: tuple[Field, ...]) -> int:
    word = 0
    for name, value, at, bits in fields:
        low, high = (0, 1 << bits) if bits > 0 else (-(1 << -bits - 1), 1 << -bits - 1)
        if not low <= value < high:
            raise VioError(
                f"call {number} ({c.NAMES[kind]}): {name} {value} is not within "
                f"{low} .. {high - 1}; the engine cannot run it"
            )
        word |= (value & ((1 << abs(bits)) - 1)) << at
    return word


def _straight(call: list[int]) -> tuple[tuple[Field, ...], ...]:
    return (
        (("falling steps", -call[c.TRIANGULAR], 7, 2), ("count", call[c.ROWS], 9, 14)),
        (("destination", call[c.DEST], 0, 17), ("its step", call[c.DEST_STEP], 17, -13)),
        (("x", call[c.X], 0, 17), ("its step", call[c.X_STEP], 17, -13)),
        (("y", call[c.Y], 0, 17), ("its step", call[c.Y_STEP], 17, -13)),
    )


def _walked(number: int, call: list[int]) -> tuple[tuple[Field, ...], ...]:
    form, pitch = call[c.TRIANGULAR], call[c.DEST_STEP]
    head: list[Field] = [
        ("form", form, 5, 2),
        ("runs of rows", call[c.ROW_RUNS], 15, 5), ("runs of columns", call[c.COLUMN_RUNS], 20, 5),
    ]  # fmt: skip
    if form == OUTER:
        x = call[c.X]
        if call[c.X_STEP] != pitch or not pitch or call[c.DEPTH] != 1:
            raise VioError(
                f"call {number} (outer product): x has another pitch than the destination"
            )
        head += [("x", x >> 15, 30, 2)]
        source: tuple[Field, ...] = (("y", call[c.Y], 0, 17), ("x", x & 0x7FFF, 17, 15))
    elif form == TRANSFER:
        source = (("source", call[c.X], 0, 17), ("width", call[c.X_STEP], 17, 12))
    else:
        if call[c.X] != call[c.Y] or call[c.X_STEP] != call[c.Y_STEP]:
            raise VioError(f"call {number} (product): x and y are not of one source")
        head += [("depth", call[c.DEPTH], 7, 8)]
        source = (("source", call[c.X], 0, 17), ("its pitch", call[c.X_STEP], 17, -13))
    width = pitch or call[c.DEST_WIDTH]
    dest = (
        ("destination", call[c.DEST], 0, 17),
        ("width", width, 17, 12),
        ("pitch", pitch > 0, 29, 1),
    )
    runs = ("rows", call[c.ROWS], 0, 12), ("columns", call[c.COLUMNS], 12, 12)
    return tuple(head), dest, source, runs


def _lane(call: LaneCall, first: int) -> tuple[tuple[Field, ...], ...]:
    """Return the fields of a lane program; first: its descriptors' place in the memory of runs."""
    own, others = call.counts
    return (
        (("first pass", own, 5, 2), ("second pass", others, 7, 6), ("step", call.step, 13, 17)),
        (("destination", call.dest, 0, 17), ("descriptors", first, 17, 12)),
        (("address", call.first, 0, 17),),
        (("pairs", call.pairs, 0, 17),),
    )


def _lane_calls(calls: CallList, layout: Layout) -> dict[int, LaneCall]:
    """Return the calls of lane programs by their number in the list."""
    return {
        number: layout.lane_call(call[c.KIND], call[c.DEST], calls.operands[call[c.X]])
        for number, call in enumerate(calls.code.tolist())
        if call[c.KIND] in c.LANE_PROGRAMS
    }


def call_words(calls: CallList, layout: Layout | None = None) -> np.ndarray:
    """Return the words (N, 4) uint32 of a list; layout: where the operands of lane programs lie.

    Without it a lane program has its kind alone. Raises VioError for a call that the engine's
    fields do not hold.
    """
    out = np.zeros((len(calls), WORDS), np.uint32)
    lanes = _lane_calls(calls, layout) if layout else {}
    places = _descriptors(len(calls.runs), list(lanes.values()))[0]
    for number, call in enumerate(calls.code.tolist()):
        kind = call[c.KIND]
        out[number, 0] = kind
        if kind in c.LANE_PROGRAMS:
            if number not in lanes:
                continue
            parts = _lane(lanes[number], places[lanes[number].items])
        else:
            parts = _straight(call) if call[c.TRIANGULAR] <= 0 else _walked(number, call)
        for k, fields in enumerate(parts):
            out[number, k] |= np.uint32(_word(number, kind, fields))
    return out


def _descriptors(
    first: int, lanes: list[LaneCall]
) -> tuple[dict[tuple[Descriptor, ...], int], list[int]]:
    """Return where each call's descriptors lie, behind `first` runs, and their words."""
    places: dict[tuple[Descriptor, ...], int] = {}
    words: list[int] = []
    for call in lanes:
        if call.items not in places:
            places[call.items] = first + len(words)
            words += [address | column << 17 | bit << 29 for address, column, bit in call.items]
    return places, words


def run_words(calls: CallList, layout: Layout | None = None) -> np.ndarray:
    """Return a list's runs (M,) uint32: source, destination and length, 10 bits each.

    layout: as of `call_words`; the descriptors of lane programs follow. Raises VioError for a run,
    or for more runs, than the engine's memory of runs holds.
    """
    runs = calls.runs
    if runs.size and (runs.min() < 0 or runs.max() > LONGEST):
        worst = runs[np.argmax(runs.max(axis=1))].tolist()
        raise VioError(f"run {worst}: places and lengths are within 0 .. {LONGEST}")
    source, dest, length = runs.T.astype(np.uint32)
    lanes = list(_lane_calls(calls, layout).values()) if layout else []
    words = np.array(_descriptors(len(runs), lanes)[1], np.uint32)
    out = np.concatenate([source << 20 | dest << 10 | length, words])
    if len(out) > RUN_WORDS:
        raise VioError(f"{len(out)} runs: the engine's memory holds {RUN_WORDS}")
    return out


def parts(calls: CallList, layout: Layout, room: int = RUN_WORDS) -> Iterator[CallList]:
    """Yield a list in parts whose runs and descriptors fit the engine's memory of runs.

    Raises VioError for a call that alone does not fit.
    """
    lanes = _lane_calls(calls, layout)
    begin = 0
    while begin < len(calls):
        code = calls.code[begin:].copy()
        places: dict[tuple[int, ...], int] = {}  # of runs
        runs: list[np.ndarray] = []
        items: set[tuple[Descriptor, ...]] = set()
        used = 0
        for k, call in enumerate(code):
            own = lanes[begin + k].items if begin + k in lanes else ()
            pairs = ((c.ROWS, c.ROW_RUNS), (c.COLUMNS, c.COLUMN_RUNS))
            fields = [(first, call[count]) for first, count in pairs if call[count]]
            lists = [calls.runs[call[first] : call[first] + count] for first, count in fields]
            keys = {tuple(rows.ravel().tolist()): rows for rows in lists}
            new = {key: rows for key, rows in keys.items() if key not in places}
            more = sum(map(len, new.values())) + (len(own) if own not in items else 0)
            if used + more > room:
                break
            used += more
            items.add(own)
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
        yield CallList(code[:k], whole, calls.operands)
        begin += k

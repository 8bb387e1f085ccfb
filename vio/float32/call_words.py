# SPDX-License-Identifier: Apache-2.0
"""Write calls as the vector engine reads them: four words of 32 bits each, and runs of 30 bits.

docs/chip/engine.md has the table of the fields; rtl/backend/vector_engine.v reads them.
"""

import numpy as np

from vio.errors import VioError
from vio.float32 import calls as c
from vio.float32.calls import CallList

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


def call_words(calls: CallList) -> np.ndarray:
    """Return the words (N, 4) uint32 of a list; of a lane program its kind alone.

    Raises VioError for a call that the engine's fields do not hold.
    """
    out = np.zeros((len(calls), WORDS), np.uint32)
    for number, call in enumerate(calls.code.tolist()):
        kind = call[c.KIND]
        out[number, 0] = kind
        if kind in c.LANE_PROGRAMS:
            continue
        parts = _straight(call) if call[c.TRIANGULAR] <= 0 else _walked(number, call)
        for k, fields in enumerate(parts):
            out[number, k] |= np.uint32(_word(number, kind, fields))
    return out


def run_words(calls: CallList) -> np.ndarray:
    """Return a list's runs (M,) uint32: source, destination and length, 10 bits each.

    Raises VioError for a run, or for more runs, than the engine's memory of runs holds.
    """
    runs = calls.runs
    if len(runs) > RUN_WORDS:
        raise VioError(f"{len(runs)} runs: the engine's memory holds {RUN_WORDS}")
    if runs.size and (runs.min() < 0 or runs.max() > LONGEST):
        worst = runs[np.argmax(runs.max(axis=1))].tolist()
        raise VioError(f"run {worst}: places and lengths are within 0 .. {LONGEST}")
    source, dest, length = runs.T.astype(np.uint32)
    return source << 20 | dest << 10 | length

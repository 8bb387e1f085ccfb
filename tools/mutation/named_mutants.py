# SPDX-License-Identifier: Apache-2.0
"""Mutants that are broken by name beside those that are drawn: what tests once did not notice."""

from pathlib import Path

from tools.mutation.mutants import Mutant
from tools.mutation.verilog_expressions import expressions_of
from vio.errors import VioError
from vio.hw.verilog_sources import source

KIND = "named"
# Block: (module, what the expression is for, a part of it, what the part becomes).
NAMED: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    # Equality: of the tracks alive with the share that is asked for, of the moved with half.
    "keyframe": (
        ("keyframe", "few_alive", "< square_q", "<= square_q"),
        ("keyframe", "many_moved", "> {1'b0, count_q}", ">= {1'b0, count_q}"),
    ),
    # The block row behind the image's last one.
    "frame_buffer": (("window_reader", "inside", "row_q < rows", "row_q <= rows"),),
    # The packet's count of cycles; a prediction error beyond 128 px that wraps.
    "track_passes": (
        ("track_output", "words_q", " cycles,", " cycles - 32'd1,"),
        ("track_follow", "row_q", "drift_u", "u_q[15:0] - predicted_u_q[15:0]"),
        ("track_follow", "row_q", "drift_v", "v_q[15:0] - predicted_v_q[15:0]"),
    ),
    # The border at the right, where the last tile has one column.
    "corners": (
        ("tile_candidates", "inside", "b_u_q < cfg_width -", "b_u_q <= cfg_width -"),
        ("tile_candidates", "inside", "b_u_q < cfg_width -", "b_u_q < cfg_width - ONE -"),
        ("tile_candidates", "c_leave_q", "cfg_border - ONE", "cfg_border"),
    ),
}


def named_mutants(block: str) -> list[Mutant]:
    """Return a block's mutants of the table; raises VioError where a part is not there once."""
    return [_mutant(source(row[0]), *row[1:]) for row in NAMED.get(block, ())]


def _mutant(path: Path, target: str, original: str, mutated: str) -> Mutant:
    text = path.read_text()
    roots = [e.root for e in expressions_of(path) if e.target == target]
    held = [r for r in roots if original in text[r.start : r.end]]
    if len(held) != 1 or text[held[0].start : held[0].end].count(original) != 1:
        raise VioError(f"{path}: {original!r} is not one part of {target}; mend NAMED")
    start = text.index(original, held[0].start)
    line = text.count("\n", 0, start) + 1
    whole = (held[0].start, held[0].end)
    return Mutant(path, line, KIND, start, start + len(original), original, mutated, whole)

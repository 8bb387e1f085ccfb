# SPDX-License-Identifier: Apache-2.0
"""tools/mutation/mutate_rtl.py finds what a small block's tests catch, and what they do not."""

import json
from pathlib import Path

from sim.needs import needs_verilator
from tools.mutation import mutate_rtl
from tools.mutation.mutants import mutants_of
from vio.hw.verilog_sources import source

CALL = {
    "module": "fifo",
    "tests": "sim.common.test_primitives",
    "parameters": {"WIDTH": 8, "DEPTH": 4},
    "only": "words",
}


@needs_verilator
def test_broken_queues_are_caught_and_one_that_is_not_broken_is_not(tmp_path: Path) -> None:
    """Four mutants, one of which hangs the test; the fifth changes a wire to itself."""
    every = mutants_of(source("fifo"))
    kinds = ["operator", "constant", "condition negated", "term dropped"]
    drawn = [next(m for m in every if m.kind == kind) for kind in kinds]
    same = drawn[0].__class__(**{**vars(drawn[0]), "mutated": drawn[0].original})
    mutants = dict(enumerate([*drawn, same], 1))
    mutate_rtl.instrument(mutants, tmp_path / "rtl")
    caught = mutate_rtl.run_call(CALL, list(mutants), tmp_path / "rtl")
    assert sorted(caught) == [1, 2, 3, 4]
    assert all(by.startswith("test_primitives: ") for by in caught.values())


def test_the_recorded_results_reach_what_is_asked_of_them() -> None:
    """Of those that change behaviour 95 % are caught; each that survives is explained."""
    blocks = json.loads(mutate_rtl.RESULTS.read_text())["blocks"]
    assert blocks
    assert set(blocks) <= set(mutate_rtl.BLOCKS)
    mutants = [m for found in blocks.values() for m in found]
    left = [m for m in mutants if not m["caught"]]
    assert all(m.get("reason") for m in left), [m for m in left if not m.get("reason")]
    alive = [m for m in left if not m["equivalent"]]
    assert len(alive) <= 0.05 * (len(mutants) - len(left) + len(alive))


def test_the_record_names_the_modules_that_have_changed_since_they_were_broken() -> None:
    """What was caught in other Verilog than today's is no claim until it is broken again."""
    record = json.loads(mutate_rtl.RESULTS.read_text())
    assert record["changed_since"] == mutate_rtl.changed_mutated(record["sources"])
    assert "fifo" not in record["changed_since"]
    assert "fifo" in mutate_rtl.changed_mutated(record["sources"] | {"fifo": "0"})

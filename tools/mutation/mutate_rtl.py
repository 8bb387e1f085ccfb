# SPDX-License-Identifier: Apache-2.0
"""Break the Verilog in seeded places and count what the tests catch.

Run by: python tools/mutation/mutate_rtl.py

rtl/ is copied to build/mutation/rtl with all mutants of the blocks inside (see
tools/mutation/mutants.py); each call of `simulate` in sim/ whose module uses a broken file is
built once and run for each mutant that nothing has caught yet (sim/mutant_forks.py); what is left
goes to the tests of the whole chip (CHIP_TESTS, tools/mutation/chip_forks.py), and then to the
proofs of rtl/formal that read its file. Results go to sim/mutation.json, where the verdict on a
survivor (`reason`) is kept as long as its mutant stands.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sim import mutant_forks, runner  # noqa: E402
from tools.mutation.mutants import Mutant, choose, with_mutants  # noqa: E402
from tools.mutation.named_mutants import named_mutants  # noqa: E402
from vio.errors import VioError  # noqa: E402
from vio.hw import verilog_sources  # noqa: E402
from vio.hw.verilog_sources import RTL, modules  # noqa: E402

RESULTS = ROOT / "sim" / "mutation.json"
BUILD = ROOT / "build" / "mutation"
SEED = 1
# Block: files that are broken (`*`: all that begin so), and how many mutants.
BLOCKS: dict[str, tuple[tuple[str, ...], int]] = {
    "cells": (("round_saturate", "divider", "square_root", "fifo", "skid"), 12),
    "pyramid": (("pyramid",), 10),
    "corners": (("corners", "corner_scores", "tile_candidates"), 14),
    "codec": (("codec_*",), 16),
    "frame_guard": (("frame_guard",), 16),
    "stream_control": (("stream_control",), 18),
    "frame_intake": (("frame_intake",), 6),
    "frame_buffer": (("frame_buffer", "frame_ring", "frame_bank", "window_reader", "arbiter"), 12),
    "klt": (("klt*", "curve_row", "wide_product", "shift_saturate", "fast_reciprocal"), 24),
    "rectify": (("rectify*", "predict"), 12),
    "stereo": (("stereo*", "stream_divider", "soft_*"), 24),
    "ransac": (
        ("ransac*", "epipolar_error", "stereo_error", "stereo_point", "product_pair", "lfsr"),
        20,
    ),
    "keyframe": (("keyframe",), 12),
    "selection": (("selection", "candidate_buffer", "tile_*", "tournament"), 12),
    "track_table": (("track_table",), 6),
    "track_path": (("track_path",), 20),
    "track_passes": (
        ("track_output", "track_follow", "track_add", "track_match", "track_verify", "track_rows"),
        30,
    ),
    "projection_arbiter": (("projection_arbiter",), 8),
    "image_path": (("image_path",), 12),
    "frontend": (("frontend",), 8),
    "registers": (("registers", "axi_lite"), 10),
    "camera": (("camera_*", "async_fifo"), 10),
    "engine_bus": (("engine_chip", "engine_registers"), 40),
}
# Block: tests of the whole chip for those of its mutants that no test of the block caught.
_TRACKS = ("sim/test_frontend.py",)
_INTAKE = ("sim/test_frontend.py", "sim/test_intake.py", "sim/test_environment.py")
CHIP_TESTS: dict[str, tuple[str, ...]] = {
    "frame_guard": _INTAKE,
    "stream_control": _INTAKE,
    "frame_intake": _INTAKE,
    "keyframe": _TRACKS,
    "track_path": _TRACKS,
    "track_passes": _TRACKS,
    "projection_arbiter": _TRACKS,
    "image_path": _INTAKE,
    "frontend": _INTAKE,
}
# Stems that a pattern of a block must not take.
TAKEN_BEFORE = {
    "tile_candidates": "selection",
    "stereo_error": "stereo",  # parts of RANSAC
    "stereo_point": "stereo",
}


class _RecordedError(Exception):
    """Ends a test whose call of `simulate` was noted."""


def recorded_calls(tests: list[str]) -> list[dict[str, Any]]:
    """Return the arguments of each `simulate` that the tests of sim/ call, none of them run."""
    import inspect

    import pytest

    names = list(inspect.signature(runner.simulate).parameters)
    calls: list[dict[str, Any]] = []

    def note(*values: Any, **named: Any) -> None:
        calls.append({**dict(zip(names, values, strict=False)), **named})
        raise _RecordedError

    class Plugin:
        """Leave out the tests that do other things."""

        def pytest_collection_modifyitems(self, items: list[Any]) -> None:
            items[:] = [i for i in items if " simulate(" in inspect.getsource(i.function)]

    for name in [n for n in sys.modules if re.match(r"sim\.(\w+\.)?test_", n)]:
        del sys.modules[name]
    with (
        mock.patch.object(runner, "simulate", note),
        mock.patch.object(runner, "simulators", return_value=["verilator"]),
        _silence(),
    ):
        options = ["-q", "-p", "no:cacheprovider", "-m", "not slow"]
        pytest.main([*options, *tests], plugins=[Plugin()])
    for name in [n for n in sys.modules if re.match(r"sim\.(\w+\.)?test_", n)]:
        del sys.modules[name]
    return calls


@contextmanager
def _silence() -> Iterator[None]:
    with Path(os.devnull).open("w") as sink, mock.patch("sys.stdout", sink):
        yield


def files_of(block: str) -> list[Path]:
    """Return the files that are broken for a block."""
    found: list[Path] = []
    for pattern in BLOCKS[block][0]:
        files = [f for stem, f in modules().items() if fnmatchcase(stem, pattern)]
        found += [f for f in files if TAKEN_BEFORE.get(f.stem) != block and f not in found]
    return found


def tests_of(blocks: list[str]) -> list[str]:
    """Return the tests that simulate a file of one of the blocks."""
    stems = "|".join(f.stem for block in blocks for f in files_of(block))
    files = sorted((ROOT / "sim").rglob("test_*.py"))
    texts = {f: f.read_text() for f in files}
    return [str(f) for f, t in texts.items() if " simulate(" in t and re.search(f'"({stems})"', t)]


def instrument(mutants: dict[int, Mutant], folder: Path) -> None:
    """Write a copy of rtl/ whose files hold the mutants."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(RTL, folder, ignore=shutil.ignore_patterns(verilog_sources.PROOFS))
    for path in {m.path for m in mutants.values()}:
        held = {n: m for n, m in mutants.items() if m.path == path}
        (folder / path.relative_to(RTL)).write_text(with_mutants(path, held))


def _failed_test(results: Path) -> str | None:
    """Return the first failed test of a results file; None: all passed."""
    for case in ET.parse(results).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            return str(case.get("name"))
    return None


def run_call(call: dict[str, Any], numbers: list[int], rtl: Path) -> dict[int, str]:
    """Run one call of `simulate` for some mutants; return {caught mutant: by which test}.

    Raises VioError when the unbroken original fails.
    """
    results = BUILD / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    task = {"tests": call["tests"], "numbers": numbers, "folder": str(results)}
    environment = {
        mutant_forks.TASK: json.dumps(task),
        "COCOTB_MAX_FAILURES": "1",
        "COCOTB_RANDOM_SEED": "1",
    }
    changed = {**call, "tests": f"sim.mutant_forks,{call['tests']}"}
    with mock.patch.object(verilog_sources, "RTL", rtl), mock.patch.dict(os.environ, environment):
        try:
            with _silence():
                runner.simulate(**changed)
        except (AssertionError, RuntimeError) as error:
            raise VioError(f"{call['module']} fails without a mutant: {error}") from error
    ends = json.loads((results / "ends.json").read_text())
    stem = call["tests"].rpartition(".")[2]
    caught = {}
    for number in numbers:
        file = results / f"{number}.xml"
        if not file.is_file():
            status = ends[str(number)]["status"]
            caught[number] = f"{stem}: no end" if status < 0 else f"{stem}: ended with {status}"
        elif (test := _failed_test(file)) is not None:
            caught[number] = f"{stem}: {test}"
    return caught


def run_chip(tests: tuple[str, ...], numbers: list[int], rtl: Path) -> dict[int, str]:
    """Run tests of the whole chip for some mutants; return {caught mutant: by which test}.

    Raises VioError when the unbroken original fails.
    """
    results = BUILD / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    task = {"tests": [str(ROOT / t) for t in tests], "numbers": numbers, "rtl": str(rtl)}
    (results / "task.json").write_text(json.dumps({**task, "folder": str(results)}))
    command = [sys.executable, "-m", "tools.mutation.chip_forks", str(results / "task.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise VioError(f"{' '.join(tests)} fail without a mutant: {done.stdout[-2000:]}")
    ends = json.loads((results / "ends.json").read_text())
    caught = {}
    for number in numbers:
        status, file = ends[str(number)], results / f"{number}.xml"
        if status:
            test = _failed_test(file) if file.is_file() else None
            caught[number] = f"chip: {test or ('no end' if status < 0 else f'ended with {status}')}"
    return caught


def refuted_by(mutant: Mutant) -> str | None:
    """Return the proof of rtl/formal that fails with a mutant; None: none does."""
    from sim import test_formal

    text = mutant.path.read_text()
    broken = text[: mutant.start] + mutant.mutated + text[mutant.end :]
    for proof in sorted(test_formal.FAULTS):
        files = (test_formal.FORMAL / f"{proof.partition(' ')[0]}.sby").read_text()
        file = str(mutant.path.relative_to(RTL))
        if f"../{file}\n" not in files:
            continue
        if test_formal.sby(proof, (mutant.path.stem, text, broken)) == "FAIL":
            return f"test_formal: {proof}"
    return None


def draw(blocks: list[str], seed: int = SEED) -> dict[str, dict[int, Mutant]]:
    """Return the numbered mutants of some blocks: all of them can be in one copy of rtl/."""
    drawn: dict[str, dict[int, Mutant]] = {}
    for block in blocks:
        first = 1 + sum(map(len, drawn.values()))
        chosen = choose(files_of(block), BLOCKS[block][1], seed) + named_mutants(block)
        drawn[block] = dict(enumerate(chosen, first))
    return drawn


def run_block(
    block: str, mutants: dict[int, Mutant], calls: list[dict[str, Any]], folder: Path
) -> list[dict]:
    """Run a block's tests on each of its mutants, which are in `folder`; return what came of it."""
    drawn = list(mutants.values())
    caught: dict[int, str] = {}
    stems = {m.path.stem for m in drawn}
    for call in calls:
        uses = set(verilog_sources.needed(call["module"]))
        if call.get("sources") is not None:
            uses = {*call["sources"], call["module"]}
        left = [n for n, m in mutants.items() if n not in caught and m.path.stem in uses]
        # What is tested beside its own block (a cell in a matcher, say) is left to its own tests.
        if left and call["module"] in stems | {f.stem for f in files_of(block)}:
            caught.update(run_call(call, left, folder))
            parameters = call.get("parameters") or ""
            print(f"  {call['module']} {parameters}: {len(caught)} of {len(drawn)}", flush=True)
    left = [n for n in mutants if n not in caught]
    if left and block in CHIP_TESTS:
        caught.update(run_chip(CHIP_TESTS[block], left, folder))
        print(f"  chip: {len(caught)} of {len(drawn)}", flush=True)
    for n, m in mutants.items():
        if n not in caught and (proof := refuted_by(m)) is not None:
            caught[n] = proof
    return [
        {
            "file": str(m.path.relative_to(ROOT)),
            "line": m.line,
            "kind": m.kind,
            "original": m.original,
            "mutated": m.mutated,
            "caught": n in caught,
            "by": caught.get(n),
        }
        for n, m in mutants.items()
    ]


def _identity(mutant: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(mutant[key]) for key in ("file", "line", "kind", "original", "mutated"))


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return the counts by block."""
    rows = ["block            mutants  caught  equivalent  survived"]
    total = [0, 0, 0, 0]
    for block, mutants in results.items():
        caught = sum(m["caught"] for m in mutants)
        equivalent = sum(m.get("equivalent", False) for m in mutants if not m["caught"])
        counts = [len(mutants), caught, equivalent, len(mutants) - caught - equivalent]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        rows.append(f"{block:15}{counts[0]:9}{counts[1]:8}{counts[2]:12}{counts[3]:10}")
    rows.append(f"{'all':15}{total[0]:9}{total[1]:8}{total[2]:12}{total[3]:10}")
    share = 100 * total[1] / max(total[0], 1)
    different = 100 * total[1] / max(total[0] - total[2], 1)
    rows.append(f"caught: {share:.1f} %; of those that change behaviour: {different:.1f} %")
    return "\n".join(rows)


def merge(block: str, mutants: list[dict[str, Any]], path: Path = RESULTS) -> dict[str, Any]:
    """Put a block's results into the file; verdicts on mutants that are still there are kept."""
    held = json.loads(path.read_text()) if path.is_file() else {"seed": SEED, "blocks": {}}
    verdicts = {_identity(m): m for m in held["blocks"].get(block, []) if "reason" in m}
    for mutant in mutants:
        old = verdicts.get(_identity(mutant))
        if old is not None and not mutant["caught"]:
            mutant.update(equivalent=old["equivalent"], reason=old["reason"])
    held["blocks"][block] = mutants
    held["blocks"] = {b: held["blocks"][b] for b in BLOCKS if b in held["blocks"]}
    now = verilog_sources.digests()
    broken = {path.stem for path in files_of(block)}
    held["sources"] = held.get("sources", {}) | {stem: now[stem] for stem in sorted(broken)}
    held["changed_since"] = changed_mutated(held["sources"])
    path.write_text(json.dumps(held, indent=1) + "\n")
    return held


def changed_mutated(sources: dict[str, str]) -> list[str]:
    """Return the modules of the blocks that have changed since they were broken."""
    broken = {path.stem for block in BLOCKS for path in files_of(block)}
    return [stem for stem in verilog_sources.changed_since(sources) if stem in broken]


def main() -> int:
    """Run the blocks that are named, or all; print survivors and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("blocks", nargs="*", metavar="BLOCK", help=f"of: {' '.join(BLOCKS)}")
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    args = parser.parse_args()
    unknown = set(args.blocks) - set(BLOCKS)
    if unknown:
        parser.error(f"no block {', '.join(sorted(unknown))}; there are: {', '.join(BLOCKS)}")
    chosen = args.blocks or list(BLOCKS)
    if args.list:
        for block in chosen:
            for m in draw([block])[block].values():
                print(f"{block}: {m.path.name}:{m.line} {m.kind}: {m.original!r} -> {m.mutated!r}")
        return 0
    calls = recorded_calls(tests_of(chosen))
    drawn = draw(chosen)
    folder = BUILD / "rtl"
    instrument({n: m for mutants in drawn.values() for n, m in mutants.items()}, folder)
    for block in chosen:
        print(f"{block}:", flush=True)
        results = run_block(block, drawn[block], calls, folder)
        held = merge(block, results)
        for m in held["blocks"][block]:
            if not m["caught"]:
                said = m.get("reason", "SURVIVED")
                where = f"{m['file']}:{m['line']}"
                print(f"  {where} {m['kind']}: {m['original']!r} -> {m['mutated']!r}: {said}")
    print(table(held["blocks"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

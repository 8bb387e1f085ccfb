# SPDX-License-Identifier: Apache-2.0
"""`vio hw netlist`: read the Verilog, check the rules, write the tables of rtl/README.md."""

import argparse

HELP = "Check rtl/; write the tables of its README and kestrel.core."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 3 when the tables are not current"
    )
    parser.add_argument("--root", metavar="DIR", default=".", help="the repository (default: here)")


def run(args: argparse.Namespace) -> int:
    """Check the rules; write or check the tables."""
    from pathlib import Path

    from vio.commands.hw import require
    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.synth.cores import NAME, core_text
    from vio.hw.synth.netlist import read_modules
    from vio.hw.synth.netlist_tables import MARK, generated_text

    root = Path(args.root)
    readme = root / "rtl" / "README.md"
    require(("rtl", "sim", "fpga"), root)
    modules = read_modules(root / "rtl")
    wrong = [f"{m.name}.v: {fault}" for m in modules.values() for fault in m.wrong]
    for line in wrong:
        print(line)
    if wrong:
        return EXIT_NEGATIVE
    old = readme.read_text()
    if MARK not in old:
        raise VioError(f"{readme} lacks the line {MARK!r}, below which the tables are written")
    text = old[: old.index(MARK)] + generated_text(modules, root)
    core = root / NAME
    if args.check:
        given = {readme: text, core: core_text()}
        differ = [p for p, new in given.items() if not p.is_file() or p.read_text() != new]
        for path in differ:
            print(f"{path} is not what the Verilog gives; run vio hw netlist")
        return EXIT_NEGATIVE if differ else 0
    readme.write_text(text)
    core.write_text(core_text())
    print(f"{readme}: {len(modules)} modules, no rule broken")
    return 0

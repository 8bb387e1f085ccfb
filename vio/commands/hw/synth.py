# SPDX-License-Identifier: Apache-2.0
"""`vio hw synth`: a block's area on an ECP5 and its clock rate, by yosys and nextpnr."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HELP = "Synthesise, place and route blocks of rtl/ for an ECP5."
NEEDS = ("rtl", "fpga", "sim")
EPILOG = (
    "LUT4 counts what a cell occupies: a LUT4 1, a CCU2C (carry) 2, a TRELLIS_DPR16X4 (distributed "
    "RAM) 6: four for its bits, two for its write port. Multiplexers between LUTs (PFUMX, L6MUX21) "
    "are part of their slices. trellis_comb in the record is nextpnr's count, with the feeds of "
    "carry chains. MHz is that of the slowest seed and clock, from register to register: a block "
    "stands alone (out of context), so paths from and to its ports are not timed. memory bits are "
    "those of the declared memories, in block RAM or LUT RAM. An unchanged block is not run again "
    "(build/synth holds the tools' output)."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--block", action="append", metavar="B", help="a block of the chip or a module of rtl/"
    )
    what.add_argument("--all", action="store_true", help="every block of the chip")
    what.add_argument(
        "--sum",
        action="store_true",
        help="add the recorded blocks up, against the device and the plan; exit 3 if it fails",
    )
    what.add_argument(
        "--chip",
        action="store_true",
        help="the whole chip on a board, to a bitstream and a report in fpga/build; exit 3 if no "
        "seed is routed. A run that was stopped goes on from its netlist or placement",
    )
    parser.add_argument(
        "--board", default="ulx3s", help="of --chip: ulx3s (default), ulx3s_bringup"
    )
    parser.add_argument(
        "--limit", type=float, metavar="MIN", help="of --chip: stop a step after so many minutes"
    )
    parser.add_argument("--preset", default="ecp5_85k", help="configuration (default: ecp5_85k)")
    parser.add_argument(
        "--device", choices=("25k", "45k", "85k"), default="85k", help="of ECP5 (default: 85k)"
    )
    parser.add_argument(
        "--speed", type=int, choices=(6, 7, 8), default=6, help="speed grade (default: 6)"
    )
    parser.add_argument("--seed", default="1", metavar="N[,N]", help="of nextpnr (default: 1)")
    parser.add_argument("--no-route", action="store_true", help="only yosys: areas, no MHz")
    parser.add_argument(
        "--out", metavar="FILE", help="the record (default: fpga/results.json of the repository)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the blocks, or add them up, and print the table."""
    from pathlib import Path

    from vio.commands.console import parse_range, print_table
    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.synth.blocks import BLOCKS, block_of
    from vio.hw.synth.flow import prepare, route, synthesise
    from vio.hw.synth.results import HEADER, KEY, RESULTS, entry_of, load, row, store
    from vio.hw.verilog_sources import modules

    path = Path(args.out) if args.out else RESULTS
    if args.sum:
        return _print_sum(args, path)
    if args.chip:
        return _run_chip(args)
    seeds = [] if args.no_route else parse_range(args.seed)
    names = list(BLOCKS) if args.all else args.block
    blocks = {name: block_of(name, list(modules())) for name in names}
    device = f"LFE5U-{args.device[:-1]}F"
    rows, failures = [], []
    for name, block in blocks.items():
        # With --all the containers are only added up: their place and route takes hours.
        routed = [] if args.all and block.container else seeds
        try:
            digest, folder = prepare(block, args.preset)
            area = synthesise(folder)
            timings = {
                seed: route(
                    folder, args.device, args.speed, seed, hard_registers=block.hard_registers
                )
                for seed in routed
            }
        except VioError as error:
            if len(blocks) == 1:
                raise
            failures.append(f"FAILS: {name}: {error}")
            continue
        key = (name, args.preset, device, args.speed)
        old = next((e for e in load(path) if tuple(e[k] for k in KEY) == key), None)
        entry = entry_of(name, digest, args.preset, args.device, args.speed, area, timings, old)
        store(path, entry)
        rows.append(row(entry))
    print_table(f"preset {args.preset}, {device}, speed {args.speed}", HEADER, rows)
    for failure in failures:
        print(failure)
    return EXIT_NEGATIVE if failures else 0


def _run_chip(args: argparse.Namespace) -> int:
    """Take the chip on its board through the tools, seed after seed; return 3 if none is routed."""
    import json
    import shutil
    from pathlib import Path

    from vio.commands.console import parse_range, progress
    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.synth import board as flow
    from vio.hw.synth.board_report import report_of, seed_report, text_of

    board = flow.board_of(args.board)
    build = Path(args.out) if args.out else flow.BUILD
    seeds = parse_range(args.seed)
    limit = args.limit * 60 if args.limit else None
    folder = flow.prepare(board, args.preset, build)
    print(folder, flush=True)
    steps = 1 + (0 if args.no_route else 3 * len(seeds))
    found, best, done = {}, None, 0
    with progress("chip", steps) as show:
        show(0, "yosys")
        flow.synthesise(folder, lambda line: show(0, f"yosys {line}"), limit)
        for seed in [] if args.no_route else seeds:
            done += 1
            stopped = ""
            try:
                flow.place(folder, board, seed, lambda x, n=done: show(n, f"place {x}"), limit)  # type: ignore[misc]
                flow.route(folder, board, seed, lambda x, n=done: show(n + 1, f"route {x}"), limit)  # type: ignore[misc]
                flow.pack(folder, seed, lambda x, n=done: show(n + 2, f"pack {x}"))  # type: ignore[misc]
            except VioError as error:
                stopped = str(error)
            done += 2
            found[seed] = seed_report(folder, seed) | ({"stopped": stopped} if stopped else {})
    report = report_of(folder, board.name, args.preset, board.top, found)
    name = f"{board.name}-{args.preset}"
    (build / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    (build / f"{name}.txt").write_text(text_of(report))
    print(text_of(report), end="")
    routed = {s: min(f["fmax_mhz"].values()) for s, f in found.items() if f["state"] == "routed"}
    if routed:
        best = max(routed, key=lambda seed: routed[seed])
        shutil.copyfile(folder / f"{best}.bit", build / f"{name}.bit")
        print(f"{build / name}.bit: seed {best}")
    return 0 if routed or args.no_route else EXIT_NEGATIVE


def _print_sum(args: argparse.Namespace, path: "Path") -> int:
    """Print the sum of the chip's blocks and what fails; return 3 if anything does."""
    from vio.commands.console import print_table
    from vio.config import load_config
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.synth.blocks import BLOCKS, Limits
    from vio.hw.synth.flow import is_stale
    from vio.hw.synth.results import SUM_HEADER, load, summed

    device = f"LFE5U-{args.device[:-1]}F"
    entries = [
        entry
        for entry in load(path)
        if (entry["preset"], entry["device"], entry["speed_grade"])
        == (args.preset, device, args.speed)
    ]
    lines, failures = summed(entries, load_config(args.preset), Limits())
    print_table(f"preset {args.preset}, {device}, speed {args.speed}", SUM_HEADER, lines)
    for name, block in BLOCKS.items():
        if block.note:
            print(f"{name}: {block.note}")
    stale = [entry["block"] for entry in entries if is_stale(entry)]
    if stale:
        print(f"of earlier Verilog, run vio hw synth --block B again: {', '.join(stale)}")
    for failure in failures:
        print(f"FAILS: {failure}")
    return EXIT_NEGATIVE if failures else 0

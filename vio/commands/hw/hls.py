# SPDX-License-Identifier: Apache-2.0
"""`vio hw hls`: DSLX through XLS to Verilog, measured on an ECP5 and proven bit-exact."""

import argparse

from vio.commands import options

HELP = "Compile blocks of hls/ by XLS to Verilog; measure, verify them."
NEEDS = ("hls", "sim")
EPILOG = (
    "Without a block: the recorded results. XLS cuts the stages by the delays of an ASIC process "
    "(model ns: its clock period by them), so the clock rate of a number of stages is measured: "
    "yosys, then nextpnr (ECP5-85F, speed grade 6) for each seed; MHz is that of the slowest. "
    "--clock-mhz begins with the stages that the calibration of the one by the other expects. A "
    "function has registers at inputs and output: latency is stages + 1."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    parser.add_argument("block", nargs="?", help="a compiled block or a kernel (default: list all)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stages", metavar="N[,N]", help="of the pipeline (default: the block's)")
    what.add_argument(
        "--clock-mhz",
        type=options.positive(1e5, "MHz"),
        metavar="F",
        help="the fewest stages that reach it at every seed",
    )
    what.add_argument(
        "--prove",
        type=options.count,
        metavar="N",
        help="compare N random vectors with the reference",
    )
    parser.add_argument(
        "--by", choices=("jit", "interpreter", "verilated"), help="what --prove runs (default: all)"
    )
    what.add_argument(
        "--prove-recorded", metavar="FILE.npz", help="compare the operands that a run recorded"
    )
    what.add_argument(
        "--record",
        nargs=2,
        metavar=("DATASET", "FILE.npz"),
        help="of imu or backend: record a run's operands",
    )
    parser.add_argument(
        "--until", type=options.seconds, metavar="S", help="of --record: seconds of the run"
    )
    what.add_argument("--write", action="store_true", help="write all files of hls/gen")
    what.add_argument(
        "--plot", metavar="FILE", help="draw area and clock rate against stages, as recorded"
    )
    parser.add_argument("--seed", default="1,2,3", metavar="N[,N]", help="of nextpnr")


def _check(args: argparse.Namespace) -> None:
    """Raise VioError for options that contradict each other."""
    from vio.errors import VioError

    of_block = ("stages", "clock_mhz", "prove", "prove_recorded", "record")
    given = ["--" + name.replace("_", "-") for name in of_block if getattr(args, name) is not None]
    if given and args.block is None:
        raise VioError(f"{given[0]} of which block or kernel? vio hw hls BLOCK {given[0]} ...")
    if args.by and args.prove is None:
        raise VioError("--by says what --prove runs: vio hw hls KERNEL --prove N --by jit")
    if args.write and args.block:
        raise VioError("--write writes all files of hls/gen: vio hw hls --write")
    if args.until is not None and not args.record:
        raise VioError("--until is the seconds of a --record: more than 0")


def run(args: argparse.Namespace) -> int:
    """Do what the options request and print the table."""
    from pathlib import Path

    from vio.commands.console import print_table
    from vio.errors import VioError
    from vio.hw.hls.results import HEADER, load, row

    _check(args)
    if args.write:
        return _write()
    if args.plot:
        from vio.report.hls import plot_stages

        try:
            plot_stages(load(), Path(args.plot))
        except OSError as error:
            raise VioError(f"--plot {args.plot}: {error.strerror}") from error
        print(f"wrote {args.plot}")
        return 0
    if args.block is None:
        print_table("ECP5-85F, speed 6", HEADER, [row(entry) for entry in load()])
        return 0
    if args.record:
        dataset, file = args.record
        return _record(args.block, dataset, file, args.until)
    if args.prove is not None or args.prove_recorded:
        return _prove(args)
    return _measure(args)


def _write() -> int:
    from vio.hw.hls.blocks import GEN
    from vio.hw.hls.sequenced_blocks import generated_files
    from vio.hw.lanes.microcode import verilog

    GEN.mkdir(exist_ok=True)
    lanes = {"lane_program.v": verilog("vio hw hls --write")}
    for name, text in (generated_files() | lanes).items():
        path = GEN / name
        path.write_text(text)
        print(f"wrote {path.relative_to(GEN.parents[1])}")
    return 0


def _measure(args: argparse.Namespace) -> int:
    from vio.commands.console import parse_range, print_table
    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.hls import sequenced_blocks
    from vio.hw.hls.blocks import BLOCKS, block_of, model_ns, optimised, verilog
    from vio.hw.hls.results import (
        HEADER,
        MOST_STAGES,
        calibrate,
        fewest_stages,
        least_fmax,
        load,
        measure,
        row,
        store,
    )

    seeds = parse_range(args.seed)
    if args.block in sequenced_blocks.NAMES:
        if args.stages or args.clock_mhz:
            raise VioError(
                f"{args.block} is a program on units and has no stages to choose, those of "
                f"{', '.join(BLOCKS)} have; measure it: vio hw hls {args.block}"
            )
        store(entry := sequenced_blocks.measure(args.block, seeds))
        print_table("ECP5-85F, speed 6", HEADER, [row(entry)])
        return 0
    if args.block not in BLOCKS:
        known = ", ".join([*BLOCKS, *sequenced_blocks.NAMES])
        raise VioError(f"no block {args.block}; there are {known}")
    block = block_of(args.block)
    asked = parse_range(args.stages, "stages", 1) if args.stages else [block.stages]
    ir = optimised(block)
    rows: dict[int, list[str]] = {}

    def rate(stages: int) -> float:
        period = model_ns(block, stages, ir)
        entry = measure(block, stages, verilog(block, stages, ir), period, seeds)
        store(entry)
        rows[stages] = row(entry)
        return least_fmax(entry)

    if args.clock_mhz:
        calibration = calibrate(load())
        reached = fewest_stages(
            args.clock_mhz,
            lambda stages: 1000.0 / calibration.period_ns(model_ns(block, stages, ir)),
            rate,
        )
    else:
        for stages in asked:
            rate(stages)
    print_table("ECP5-85F, speed 6", HEADER, [rows[stages] for stages in sorted(rows)])
    if args.clock_mhz and not reached:
        print(f"FAILS: {block.name} does not reach {args.clock_mhz} MHz in {MOST_STAGES} stages")
        return EXIT_NEGATIVE
    if args.clock_mhz:
        print(f"{block.name}: {reached} stages for {args.clock_mhz} MHz")
    return 0


def _record(name: str, dataset: str, file: str, until_s: float | None) -> int:
    from pathlib import Path

    from vio.config import load_config
    from vio.datasets import open_dataset
    from vio.datasets.base import end_ns
    from vio.engines import make_odometry
    from vio.errors import VioError
    from vio.float32.kernels import Kernels
    from vio.hw.hls.operand_files import check_place, save_operands
    from vio.hw.hls.verify_imu import recording
    from vio.odometry import run as run_odometry

    if name not in ("imu", "backend"):
        raise VioError(f"only the operands of imu and backend are recorded so, not those of {name}")
    check_place(Path(file))
    source = open_dataset(Path(dataset))
    until_ns = end_ns(source, until_s)
    if name == "backend":
        from vio.hw.hls import verify_kernels

        kernels, config = Kernels(), load_config("euroc")
        odometry = make_odometry(source.rig, source.imu_noise, config, kernels=kernels)
        kept = verify_kernels.record(source, odometry, kernels, until_ns)
        save_operands(Path(file), kept)
        print(f"{sum(map(len, kept.values()))} operands of {len(kept)} kernels in {file}")
        return 0
    config = load_config("euroc", ["backend.imu=float32"])
    with recording() as recorder:
        odometry = make_odometry(source.rig, source.imu_noise, config)
        for _ in run_odometry(source, odometry, until_ns):
            pass
    recorder.save(Path(file))
    print(f"{sum(len(s) for _, s in recorder.motions)} samples in {file}")
    return 0


def _prove(args: argparse.Namespace) -> int:
    from pathlib import Path

    from vio.exits import EXIT_NEGATIVE
    from vio.hw.hls.verification import prove, prove_recorded

    if args.block == "backend":
        return _prove_backend(args)
    if args.prove is not None:
        found = prove(args.block, args.prove, args.by)
    else:
        found = prove_recorded(args.block, Path(args.prove_recorded))
    for line in found.lines:
        print(line)
    return EXIT_NEGATIVE if found.failed else 0


def _prove_backend(args: argparse.Namespace) -> int:
    from pathlib import Path

    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.hls import verify_kernels
    from vio.hw.hls.backends import XlsKernels, XlsRtlKernels
    from vio.hw.hls.verification import store

    if not args.prove_recorded:
        raise VioError("the kernels of backend are proven on a run: --prove-recorded FILE.npz")
    path = Path(args.prove_recorded)
    given = verify_kernels.load(path)
    failed = False
    for kernels, by in ((XlsKernels(), "jit"), (XlsRtlKernels(), "verilated")):
        for name, wrong in verify_kernels.differences(given, kernels).items():
            print(f"{name}: {len(given[name])} operands, {by}: {wrong or 'none'} differ")
            failed |= wrong > 0
    if not failed:
        counts = {name: len(words) for name, words in given.items()}
        store({"kernel": "backend", "recorded": {"vectors": counts, "of": path.stem}})
    return EXIT_NEGATIVE if failed else 0

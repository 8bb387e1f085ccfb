# SPDX-License-Identifier: Apache-2.0
"""`vio hw memory`: the memory budget: each on-chip memory, its block RAMs and accesses."""

import argparse

from vio.commands import options

HELP = "Memory budget: every on-chip memory, block RAMs, accesses."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_estimate_arguments(parser)
    parser.add_argument("--json", metavar="FILE", help="also write the budget to a file")


def add_estimate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that memory, cycles and energy share."""
    from vio.commands.run import add_preset_arguments

    parser.add_argument(
        "dataset",
        nargs="?",
        help="count the work on this recording (default: worst case by the sizes)",
    )
    add_preset_arguments(parser, default="ecp5_85k")
    options.add_until(parser)


def run(args: argparse.Namespace) -> int:
    """Print the memory budget."""
    import dataclasses

    from vio.commands.console import print_table, progress
    from vio.config import load_config
    from vio.engines import make_odometry
    from vio.hw.estimates import memory as mem
    from vio.hw.estimates.common import measure, works, write_json
    from vio.hw.estimates.traffic import traffic

    config = load_config(args.preset, args.set)
    memories = mem.inventory(config)
    measured = measure(args.dataset, config, args.until, progress, make_odometry)
    tracking, keyframe, what = works(measured, config)
    by_frame = traffic(tracking, config), traffic(keyframe, config)
    rows, record = [], []
    for m in memories:
        counts = [*by_frame[0][m.name], *by_frame[1][m.name]]
        place = "LUT" if m.in_luts else str(m.block_rams)
        ports = f"{m.readers}r1w"
        sizes = [str(m.banks), str(m.words), str(m.bits), ports, f"{m.kib:.2f}", place]
        rows.append([m.name, *sizes, *(f"{x:.0f}" for x in counts)])
        record.append(
            dataclasses.asdict(m)
            | {"kib": m.kib, "block_rams": m.block_rams, "lut_rams": m.lut_rams}
            | dict(zip(("reads", "writes", "key_reads", "key_writes"), counts, strict=True))
        )
    print_table(
        f"preset {args.preset}; accesses: {what}",
        (
            *("memory", "banks", "words", "bits", "ports", "KiB", "DP16KD"),
            *("reads", "writes", "keyframe reads", "writes"),
        ),
        rows,
    )
    groups = {g: mem.total_kib(memories, g) for g in mem.NAVION_KIB}
    total, blocks = mem.total_kib(memories), sum(m.block_rams for m in memories)
    print_table(
        "kB of 1024 bytes",
        ("group", "here", "Navion"),
        [[g, f"{kib:.1f}", f"{mem.NAVION_KIB[g]:.1f}"] for g, kib in groups.items()]
        + [["front end", f"{total:.1f}", f"{mem.NAVION_FRONT_END_KIB:.1f}"]],
    )
    print(
        f"{blocks} DP16KD of {mem.ECP5_85F_BLOCK_RAMS} of an ECP5-85F, "
        f"{sum(m.lut_rams for m in memories)} LUT RAMs of 16 x 4"
    )
    if args.json is not None:
        totals = {"kib": total, "block_rams": blocks, "groups": groups}
        write_json(args.json, {"work": what, "memories": record, "total": totals})
    return 0

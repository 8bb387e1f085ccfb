# SPDX-License-Identifier: Apache-2.0
"""`vio hw cycles`: the cycle model, from a frame's last pixel to its last track, by block."""

import argparse

HELP = "Cycle model: last pixel to last track, by block; multipliers."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    from vio.commands.hw.memory import add_estimate_arguments

    add_estimate_arguments(parser)
    parser.add_argument("--json", metavar="FILE", help="also write the cycles to a file")


def run(args: argparse.Namespace) -> int:
    """Print the cycle model's table."""
    from vio.commands.console import print_table, progress
    from vio.config import load_config
    from vio.engines import make_odometry
    from vio.hw.estimates import cycles as cy
    from vio.hw.estimates.common import measure, write_json
    from vio.hw.estimates.work import worst_work

    config = load_config(args.preset, args.set)
    measured = measure(args.dataset, config, args.until, progress, make_odometry)
    columns: dict[str, dict[str, float]] = {}
    for kind, is_key in (("tracking", False), ("keyframe", True)):
        if measured is not None:
            seen = measured.keyframes if is_key else measured.tracking
            parts = [cy.blocks(work, config) for work in seen]
            columns[f"{kind} mean"] = {k: sum(p[k] for p in parts) / len(parts) for k in parts[0]}
            columns[f"{kind} max"] = max(parts, key=lambda p: sum(p.values()))
        columns[f"{kind} worst"] = cy.blocks(worst_work(config, is_key), config)
    names = list(columns["keyframe worst"])
    totals = {c: sum(parts.values()) for c, parts in columns.items()}
    print_table(
        f"preset {args.preset}: cycles from last pixel to last track"
        + ("" if measured is None else f", {measured.dataset}, {measured.frames} frames"),
        ("block", *columns),
        [
            [name, *(f"{p[name]:.0f}" if name in p else "-" for p in columns.values())]
            for name in names
        ]
        + [["total", *(f"{x:.0f}" for x in totals.values())]],
    )
    used = cy.multipliers(config)
    print_table(
        f"{sum(m.count for m in used)} multipliers of 156",
        ("block", "18x18", "use"),
        [[m.block, str(m.count), m.use] for m in used],
    )
    megahertz = config.hw.clock_mhz
    rates = "; ".join(
        f"{c}: {x / megahertz / 1e3:.2f} ms" for c, x in totals.items() if not c.endswith("max")
    )
    print(f"at {megahertz:g} MHz: {rates}")
    tracker = columns["keyframe worst"]["klt"]
    print(
        f"the tracker reads the rings for up to {tracker:.0f} cycles; at a pixel a cycle the next "
        f"frame fills its {config.hw.spare_rows} spare rows in {cy.spare_cycles(config)}"
    )
    if args.json is not None:
        write_json(
            args.json,
            {
                "cycles": columns,
                "totals": totals,
                "multipliers": {m.block: m.count for m in used},
            },
        )
    return 0

# SPDX-License-Identifier: Apache-2.0
"""`vio hw energy`: a model of the front end's energy, and of what other builds would take."""

import argparse
from pathlib import Path

HELP = "Energy model of the front end and of other ways to build it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    from vio.commands.hw.memory import add_estimate_arguments

    add_estimate_arguments(parser)
    parser.add_argument("--json", metavar="FILE", help="also write the energies to a file")
    parser.add_argument("--figure", metavar="PNG", help="draw where the energy goes")


def run(args: argparse.Namespace) -> int:
    """Print the energy model's table."""
    import dataclasses

    from vio.camera import Camera
    from vio.commands.console import print_table, progress
    from vio.config import load_config
    from vio.engines import make_odometry
    from vio.errors import VioError
    from vio.hw.estimates.common import measure, works, write_json
    from vio.hw.estimates.energy import energy_model
    from vio.rates import frame_limits

    config = load_config(args.preset, args.set)
    if args.figure is not None and not Path(args.figure).resolve().parent.is_dir():
        raise VioError(f"--figure {args.figure}: no such folder; make it first")
    measured = measure(args.dataset, config, args.until, progress, make_odometry)
    tracking, keyframe, what = works(measured, config)
    share = float(frame_limits(config, Camera.rate_hz).max_age - 1)
    if measured is not None:
        share = measured.tracking_per_keyframe
    rows = energy_model(tracking, keyframe, share, config)
    parts = list(dict.fromkeys(part for e in rows for part in e.cycle))
    print_table(
        f"preset {args.preset}; microjoule of a keyframe with its {share:.1f} tracking frames; "
        f"{what}. A model at 45 nm, dynamic energy only",
        ("part", *(e.name for e in rows)),
        [
            [part, *(f"{e.cycle[part] * 1e-6:.1f}" if part in e.cycle else "-" for e in rows)]
            for part in parts
        ]
        + [
            ["total", *(f"{e.keyframe_mj * 1e3:.1f}" for e in rows)],
            ["tracking frame", *(f"{sum(e.tracking.values()) * 1e-6:.1f}" for e in rows)],
            ["keyframe", *(f"{sum(e.keyframe.values()) * 1e-6:.1f}" for e in rows)],
            ["pJ a pixel", *(f"{e.pixel_pj:.1f}" for e in rows)],
        ],
    )
    if args.json is not None:
        record = [
            dataclasses.asdict(e) | {"keyframe_mj": e.keyframe_mj, "pixel_pj": e.pixel_pj}
            for e in rows
        ]
        write_json(args.json, {"work": what, "variants": record})
    if args.figure is not None:
        from vio.report.energy import draw_energy

        print(draw_energy(Path(args.figure), rows, args.preset, what))
    return 0

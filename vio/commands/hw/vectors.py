# SPDX-License-Identifier: Apache-2.0
"""`vio hw vectors`: write inputs and expected outputs of a block, for the simulators."""

import argparse

from vio.commands import options

HELP = "Write golden vectors of a block: inputs and expected outputs."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    from vio.commands.run import add_preset_arguments

    parser.add_argument(
        "block",
        nargs="?",
        help="pyramid, corners, codec, klt, rectify, stereo, ransac, keyframe or frontend",
    )
    parser.add_argument("dataset", nargs="?", help="a recording in EuRoC layout (folder or zip)")
    add_preset_arguments(parser, "ecp5_85k")
    parser.add_argument(
        "--frame", type=options.index, default=0, metavar="K", help="index (default: 0)"
    )
    parser.add_argument(
        "--count",
        type=options.count,
        default=1,
        metavar="N",
        help="frames from there on (default: 1)",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="the folder; with --count, one folder a frame in it"
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="write the small checked-in vectors in sim/vectors anew (in the repository)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the vectors and print each folder with its digest."""
    from pathlib import Path

    from vio.commands.hw import require
    from vio.errors import VioError
    from vio.hw.cosim.vector_blocks import BLOCKS, SOURCE, VECTORS, checked_in_set, make_sets
    from vio.hw.cosim.vectors import VectorSet

    def write(vectors: VectorSet, folder: Path) -> None:
        vectors.write(folder)
        digest = vectors.files()["manifest.json"].split('"digest": "')[-1].split('"')[0]
        print(f"{folder} {digest}")

    if args.update:
        require((str(SOURCE),), Path())
        for block in BLOCKS if args.block is None else [args.block]:
            write(checked_in_set(block, Path()), VECTORS / block)
        return 0
    if args.block is None or args.dataset is None:
        raise VioError("name a block and a recording, for example: vio hw vectors klt RECORDING")
    from vio.config import load_config
    from vio.datasets import open_configured

    if args.block not in BLOCKS:
        raise VioError(f"block {args.block!r} is unknown; known: {', '.join(BLOCKS)}")
    config = load_config(args.preset, [*args.set, "frontend.engine=fixed"])
    dataset = open_configured(args.dataset, config.dataset)
    origin = {"preset": args.preset, "settings": args.set, "recording": dataset.name}
    sets = make_sets(args.block, dataset, config, origin, args.frame, args.count)
    out = Path(args.out or f"out/vectors/{args.block}")
    for frame, vectors in sets.items():
        write(vectors, out if len(sets) == 1 else out / f"frame{frame}")
    return 0

# SPDX-License-Identifier: Apache-2.0
"""`vio hw params`: write the configuration as a file of Verilog localparams."""

import argparse

HELP = "Write rtl/vio_params.vh, the parameters of a preset."
DEFAULT_PRESET = "ecp5_85k"
DEFAULT_OUT = "rtl/vio_params.vh"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    from vio.commands.run import add_preset_arguments

    add_preset_arguments(parser, DEFAULT_PRESET)
    parser.add_argument(
        "--out",
        metavar="FILE",
        default=DEFAULT_OUT,
        help=f"the file, - to print it (default: {DEFAULT_OUT})",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 3 when the file differs"
    )


def command_text(preset: str, settings: list[str], out: str) -> str:
    """Return the command that writes the file."""
    words = ["vio hw params"]
    words += [f"--preset {preset}"] if preset != DEFAULT_PRESET else []
    words += [f"--set {setting}" for setting in settings]
    words += [f"--out {out}"] if out != DEFAULT_OUT else []
    return " ".join(words)


def run(args: argparse.Namespace) -> int:
    """Write or check the file."""
    from pathlib import Path

    from vio.config import load_config
    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.params import verilog_text

    config = load_config(args.preset, args.set)
    if args.out == "-":
        if args.check:
            raise VioError("--check compares with a file; give its name with --out")
        print(verilog_text(config, command_text(args.preset, args.set, args.out)), end="")
        return 0
    path = Path(args.out)
    # The name alone: the text must not depend on the machine.
    out = args.out if args.out == DEFAULT_OUT else path.name
    text = verilog_text(config, command_text(args.preset, args.set, out))
    if args.check:
        if not path.is_file():
            raise VioError(f"{path} does not exist; write it without --check, or give --out")
        if path.read_text() == text:
            return 0
        print(f"{path} differs from what preset {args.preset} gives; run vio hw params again")
        return EXIT_NEGATIVE
    if not path.parent.is_dir():
        raise VioError(
            f"there is no folder {path.parent}; run this in a clone of the repository or give --out"
        )
    path.write_text(text)
    print(path)
    return 0

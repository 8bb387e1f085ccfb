# SPDX-License-Identifier: Apache-2.0
"""`vio hw registers`: write the register files, their document, C header and SystemRDL."""

import argparse

HELP = "Write the register files, their document, C header and SystemRDL."
DEFAULT_PRESET = "ecp5_85k"
PATHS = (
    "rtl/control/registers.v",
    "docs/chip/registers.md",
    "fpga/kestrel_registers.h",
    "fpga/kestrel.rdl",
    "rtl/backend/engine_registers.v",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--root", metavar="DIR", default=".", help="the repository (default: this folder)"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 3 when a file differs"
    )


def run(args: argparse.Namespace) -> int:
    """Write or check the files."""
    from pathlib import Path

    from vio.commands.hw import require
    from vio.config import load_config
    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.registers.texts import generated_texts

    # Other presets override the parameters of registers.v; these are its defaults.
    hw = load_config(DEFAULT_PRESET).hw
    require([str(Path(name).parent) for name in PATHS], Path(args.root))
    differ = 0
    texts = generated_texts(hw)
    for name, text in zip(PATHS, texts, strict=True):
        path = Path(args.root) / name
        if args.check:
            if not path.is_file():
                raise VioError(f"{path} does not exist; write it without --check, or give --root")
            if path.read_text() != text:
                print(f"{path} differs from the register map; run vio hw registers again")
                differ += 1
            continue
        path.write_text(text)
        print(path)
    return EXIT_NEGATIVE if differ else 0

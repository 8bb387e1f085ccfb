# SPDX-License-Identifier: Apache-2.0
"""The command `vio`: dispatches to vio/commands/ and turns outcomes into exit codes."""

import argparse
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, ModuleType

from vio import __version__
from vio.commands import hw
from vio.environment import check_cache, check_environment
from vio.errors import VioError
from vio.exits import EXIT_BAD_INPUT, EXIT_DEFECT, EXIT_INTERRUPTED

GROUPS = {
    "odometry": ("demo", "run", "eval", "suite"),
    "data": ("render",),
    "hardware": ("hw",),
    "diagnosis": ("doctor", "bench"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)

EPILOG = (
    "exit codes: 0 done, 1 defect of Kestrel, 2 wrong usage or bad data, 3 done with\n"
    "a negative result (no pose, a failed sequence or check), 130 interrupted"
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; it imports their modules, which are light at the top."""
    parser = argparse.ArgumentParser(prog="vio", add_help=False)
    parser.add_argument(
        "--version", action="version", version=f"vio {__version__}", help=argparse.SUPPRESS
    )
    _add_commands(parser, "command", "vio.commands", GROUPS)
    parser.usage = "vio [-h] [--version] COMMAND ..."
    parser.description = f"Kestrel: stereo visual-inertial odometry.\n{parser.description}"
    parser.epilog = EPILOG
    return parser


def _add_commands(
    parser: argparse.ArgumentParser, dest: str, package: str, groups: Mapping[str, Sequence[str]]
) -> None:
    """Add the commands of a package to a parser, whose description lists them by group.

    argparse's own list has no groups, and its section of options takes room: both are suppressed.
    """
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    subparsers = parser.add_subparsers(
        dest=dest, metavar="COMMAND", required=True, help=argparse.SUPPRESS, prog=parser.prog
    )
    lines = []
    for group, names in groups.items():
        lines.append(f"{group}:")
        for name in names:
            module = importlib.import_module(f"{package}.{name}")
            lines.append(f"  {name:<13}{module.HELP}")
            if name == "hw":
                inner = subparsers.add_parser(name, add_help=False)
                _add_commands(inner, "hw_command", "vio.commands.hw", hw.GROUPS)
                inner.usage, inner.epilog = "vio hw [-h] COMMAND ...", hw.EPILOG
                continue
            sub = subparsers.add_parser(name, description=module.HELP)
            module.add_arguments(sub)
            sub.set_defaults(entry=module.run, name=f"{parser.prog} {name}", needs=_needs(module))
    parser.description = "\n".join(lines)


def _needs(module: ModuleType) -> tuple[str, ...]:
    """Return the folders of the repository that a command reads."""
    return getattr(module, "NEEDS", ())


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    if argv is None:
        # Both end a command in order, with its partial result; also in a script's background job,
        # which begins with SIGINT ignored.
        signal.signal(signal.SIGINT, _interrupt)
        signal.signal(signal.SIGTERM, _interrupt)
        argv = sys.argv[1:]
    if argv and argv[0] in hw.COMMANDS:
        print(f"vio: `vio {argv[0]}` is now `vio hw {argv[0]}`", file=sys.stderr)
        return EXIT_BAD_INPUT
    args = build_parser().parse_args(argv)
    try:
        hw.require(args.needs)
        check_environment()
        if args.command != "doctor":
            check_cache(Path(__file__).parent)
        code: int = args.entry(args)
        sys.stdout.flush()
        return code
    except VioError as error:
        print(f"{args.name}: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt as interrupt:
        print(f"{args.name}: interrupted", file=sys.stderr)
        return 128 + interrupt.args[0] if interrupt.args else EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone: nothing more to say, and no complaint at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        return EXIT_DEFECT

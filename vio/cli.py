# SPDX-License-Identifier: Apache-2.0
"""The command `vio`: dispatches to vio/commands/ and turns outcomes into exit codes."""

import argparse
import errno
import importlib
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

from vio import __version__
from vio.commands import hw
from vio.environment import check_cache, check_environment
from vio.errors import VioError
from vio.exits import EXIT_BAD_INPUT, EXIT_BROKEN_PIPE, EXIT_DEFECT, EXIT_INTERRUPTED
from vio.limits import shown
from vio.streams import complain, discard_output, prepare_streams

GROUPS = {
    "odometry": ("demo", "run", "report", "eval", "suite"),
    "data": ("calibration", "convert", "datasets", "export", "render"),
    "hardware": ("hw", "explore"),
    "diagnosis": ("doctor", "bench"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)

# What a full or failing disk and a terminal that has gone raise: no defect of ours.
SURROUNDINGS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE)

EPILOG = (
    "exit codes: 0 done, 1 defect of Kestrel, 2 wrong usage or bad data, 3 done with\n"
    "a negative result (no pose, a failed sequence or check), 130 interrupted"
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; it imports their modules, which are light at the top."""
    parser = Parser(prog="vio", add_help=False)
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


class Parser(argparse.ArgumentParser):
    """Report wrong usage in one line, as all other bad input."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit."""
        complain(f"{self.prog}: {message}; see {self.prog} --help")
        self.exit(EXIT_BAD_INPUT)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _catch_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end a command in order, with its partial result.

    SIGINT also in a script's background job, which begins with it ignored; SIGHUP not under nohup.
    """
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    if argv is None:
        prepare_streams()
        _catch_signals()
        argv = sys.argv[1:]
    if argv and argv[0] in hw.COMMANDS:
        complain(f"vio: `vio {argv[0]}` is now `vio hw {argv[0]}`")
        return EXIT_BAD_INPUT
    name = "vio"
    try:
        args = build_parser().parse_args(argv)
        name = args.name
        hw.require(args.needs)
        check_environment()
        if args.command != "doctor":
            check_cache(Path(__file__).parent)
        code: int = args.entry(args)
        sys.stdout.flush()
        return code
    except VioError as error:
        complain(f"{name}: {error}")
        return EXIT_BAD_INPUT
    except KeyboardInterrupt as interrupt:
        return _ended_by_signal(name, interrupt)
    except BrokenPipeError:  # the reader (head, less) has gone: nothing more to say
        discard_output()
        return EXIT_BROKEN_PIPE
    except SystemExit as stop:  # of argparse, which has printed
        return _flushed(stop)
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in SURROUNDINGS:
            complain(f"{name}: {shown(str(error)) or 'out of memory'}")
            discard_output()
            return EXIT_BAD_INPUT
        complain(traceback.format_exc().rstrip())
        return EXIT_DEFECT


def _ended_by_signal(name: str, interrupt: KeyboardInterrupt) -> int:
    """Report which signal ended a command; return its exit code."""
    number = interrupt.args[0] if interrupt.args else signal.SIGINT
    if number == signal.SIGHUP:
        complain(f"{name}: the terminal has gone")
        return EXIT_BAD_INPUT
    complain(f"{name}: interrupted")
    return EXIT_INTERRUPTED if number == signal.SIGINT else 128 + int(number)


def _flushed(stop: SystemExit) -> int:
    """Return the exit code of argparse, or that of a reader who has gone before its output."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()
        return EXIT_BROKEN_PIPE
    return stop.code if isinstance(stop.code, int) else 0

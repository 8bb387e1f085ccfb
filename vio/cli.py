# SPDX-License-Identifier: Apache-2.0
"""The command `vio`: dispatches to vio/commands/<name>.py and turns outcomes into exit codes."""

import argparse
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from vio import __version__
from vio.environment import check_cache, check_environment
from vio.errors import VioError

COMMANDS = (
    "demo",
    "run",
    "eval",
    "render",
    "suite",
    "bench",
    "doctor",
    "signals",
    "memory",
    "cycles",
    "energy",
    "params",
    "registers",
    "hls",
    "schedule",
    "synth",
    "vectors",
    "equivalence",
    "netlist",
    "sim",
)

EXIT_DEFECT = 1  # an exception that is not the user's doing, with its traceback
EXIT_BAD_INPUT = 2  # wrong usage or bad data, in one line; argparse uses the same
EXIT_NEGATIVE = 3  # the work was done and its result is negative: no pose, a failed sequence
EXIT_INTERRUPTED = 130  # Ctrl-C, as the shell counts it: 128 + SIGINT (143 for SIGTERM)

EPILOG = (
    "exit codes: 0 done, 1 a defect of Kestrel, 2 wrong usage or bad data, 3 done with a negative "
    "result (no pose, a sequence failed, a check of doctor failed), 130 interrupted"
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; it imports their modules, which are light at the top."""
    parser = argparse.ArgumentParser(
        prog="vio", description="Kestrel: stereo visual-inertial odometry.", epilog=EPILOG
    )
    parser.add_argument("--version", action="version", version=f"vio {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"vio.commands.{name}")
        sub = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(sub)
        sub.set_defaults(entry=module.run)
    return parser


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    if argv is None:
        # Both end a command in order, with its partial result; also in a script's background job,
        # which begins with SIGINT ignored.
        signal.signal(signal.SIGINT, _interrupt)
        signal.signal(signal.SIGTERM, _interrupt)
    args = build_parser().parse_args(argv)
    try:
        check_environment()
        if args.command != "doctor":
            check_cache(Path(__file__).parent)
        code: int = args.entry(args)
        sys.stdout.flush()
        return code
    except VioError as error:
        print(f"vio {args.command}: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt as interrupt:
        print(f"vio {args.command}: interrupted", file=sys.stderr)
        return 128 + interrupt.args[0] if interrupt.args else EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone: nothing more to say, and no complaint at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        return EXIT_DEFECT

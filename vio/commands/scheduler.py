# SPDX-License-Identifier: Apache-2.0
"""The options of commands whose work may run on other machines."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vio.cluster import Scheduler


def add_scheduler_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --scheduler and what it needs."""
    group = parser.add_argument_group("other machines")
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="of Dask: tls://HOST:PORT, tcp://127.0.0.1:PORT"
    )
    for name, what in (("ca", "authority"), ("cert", "certificate"), ("key", "private key")):
        group.add_argument(f"--tls-{name}", metavar="FILE", help=f"{what} (PEM)")
    group.add_argument("--insecure", action="store_true", help="allow plain tcp to another machine")


def make_scheduler(args: argparse.Namespace) -> "Scheduler | None":
    """Return the scheduler that the arguments name, or None; raises VioError for an unsafe one."""
    from vio.cluster import Scheduler, check_scheduler
    from vio.errors import VioError

    ca, cert, key = (None if f is None else Path(f)
                     for f in (args.tls_ca, args.tls_cert, args.tls_key))  # fmt: skip
    if args.scheduler is None:
        if ca or cert or key or args.insecure:
            raise VioError("--tls-* and --insecure are of a --scheduler: name one")
        return None
    if args.jobs is not None:
        raise VioError("--jobs is of this machine, and --scheduler has workers of its own")
    scheduler = Scheduler(args.scheduler, ca, cert, key, args.insecure)
    check_scheduler(scheduler)
    return scheduler

# SPDX-License-Identifier: Apache-2.0
"""Where tasks run: Dask distributed, as processes of this machine or behind a scheduler.

Whoever reaches a scheduler runs code on its workers. So a scheduler beyond loopback is spoken to
over TLS with certificates of both sides only, unless that is waived.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vio.errors import VioError

CONNECT_S = 20  # to a scheduler, and to its first worker
DEATHS = 3  # workers that one task may take with it before it is given up
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Scheduler:
    """Hold a scheduler's address and what is needed to trust it, and be trusted."""

    address: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    insecure: bool = False


def check_scheduler(scheduler: Scheduler) -> None:
    """Raise VioError for an address that is none, is not safe, or lacks certificates."""
    address = scheduler.address
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:
        known = False
    if not known:
        raise VioError(
            f"--scheduler {address[:80]!r}: give tls://HOST:PORT, or tcp://127.0.0.1:PORT"
        )
    if parts.scheme == "tls":
        for option, path in (
            ("--tls-ca", scheduler.ca),
            ("--tls-cert", scheduler.cert),
            ("--tls-key", scheduler.key),
        ):
            if path is None:
                raise VioError(f"--scheduler {address} needs {option} FILE")
            if not path.is_file():
                raise VioError(f"{option} {path}: there is no such file")
    elif not (scheduler.insecure or is_loopback(parts.hostname or "")):
        raise VioError(
            f"--scheduler {address} is plain tcp beyond this machine: whoever reaches a scheduler "
            "runs code on its workers; use tls:// with certificates, or --insecure"
        )


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its text: names but localhost are not asked for."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def run_tasks(
    client: Any,
    function: Callable[[Any], Any],
    tasks: Mapping[str, Any],
    describe: Callable[[Any], str],
) -> Iterator[tuple[Any, Any]]:
    """Yield each task with what `function` returns for it, as it ends; keys tell tasks apart.

    A task whose worker is lost runs on another one. describe: says in words what a task is.
    Raises VioError for a task that ends one worker after the other, and what a task raises.
    """
    from distributed import KilledWorker, as_completed

    waiting = {
        client.submit(function, task, key=key, pure=False): task for key, task in tasks.items()
    }
    try:
        for future in as_completed(list(waiting), loop=client.loop):
            try:
                result = future.result()
            except KilledWorker:
                raise VioError(
                    f"{describe(waiting[future])} ended {DEATHS} workers, one after the other; is "
                    "there enough memory? use fewer --jobs"
                ) from None
            yield waiting.pop(future), result
            future.release()
    finally:
        client.cancel(list(waiting))


def check_workers(client: Any, problem: Callable[[Any], str], given: Any) -> None:
    """Raise VioError where `problem`, called with `given` on every worker, returns one."""
    for worker, found in sorted(client.run(problem, given).items()):
        if found:
            raise VioError(f"worker {worker}: {found}")


def require(user: str) -> None:
    """Raise VioError when Dask is not installed; user: what needs it."""
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError as error:
        raise VioError(
            f"{user} needs Dask: pip install 'kestrel-vio[explore]' ({error.name} is missing)"
        ) from None


@contextmanager
def local_client(jobs: int) -> Iterator[Any]:
    """Start processes of this machine that listen on 127.0.0.1, without a dashboard."""
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.nanny.environ": {},
        "distributed.nanny.pre-spawn-environ": ONE_THREAD,
        "distributed.scheduler.allowed-failures": DEATHS - 1,
        "distributed.worker.daemon": True,
        # Their HTTP servers cannot be left out: they answer nothing.
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # The processes share this machine's memory with others: none is paused or ended for it.
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def remote_client(scheduler: Scheduler) -> Iterator[Any]:
    """Speak to a scheduler; raises VioError when it cannot be reached or has no workers."""
    check_scheduler(scheduler)
    from distributed import Client
    from distributed.security import Security

    security = None
    if scheduler.address.startswith("tls:"):
        security = Security(
            require_encryption=True,
            tls_ca_file=str(scheduler.ca),
            tls_client_cert=str(scheduler.cert),
            tls_client_key=str(scheduler.key),
        )
    try:
        client = Client(
            scheduler.address, security=security, timeout=CONNECT_S, set_as_default=False
        )
    except (OSError, TimeoutError) as error:
        raise VioError(
            f"--scheduler {scheduler.address} does not answer: {type(error).__name__}; is it "
            "running, and do the certificates fit?"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError:
            raise VioError(f"--scheduler {scheduler.address} has no workers; start some") from None
        yield client


def usable_jobs(jobs: int | None) -> int:
    """Return the number of processes: as asked for, else one a core."""
    from vio.workers import usable_cores

    return jobs or min(usable_cores(), os.cpu_count() or 1)

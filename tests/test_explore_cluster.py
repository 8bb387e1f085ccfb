# SPDX-License-Identifier: Apache-2.0
"""Tasks on Dask: lost workers, workers without the data, certificates, refused addresses."""

import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.exploring import BASE, Here, dying, make_plan, needs_explore, scheduler, stand_in
from vio.cluster import Scheduler, check_scheduler, is_loopback
from vio.errors import VioError
from vio.explore.cluster import local_runner, remote_runner
from vio.explore.explore import explore
from vio.explore.task import make_task

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        (Scheduler("tcp://192.0.2.7:8786"), "plain tcp beyond this machine"),
        (Scheduler("tcp://scheduler.example:8786"), "plain tcp beyond this machine"),
        (Scheduler("tcp://127.0.0.1.example:8786"), "plain tcp beyond this machine"),
        (Scheduler("tls://192.0.2.7:8786"), "needs --tls-ca FILE"),
        (Scheduler("tls://192.0.2.7:8786", Path("no.pem")), "no such file"),
        (Scheduler("192.0.2.7:8786"), "give tls://HOST:PORT"),
        (Scheduler("ws://127.0.0.1:8786"), "give tls://HOST:PORT"),
        (Scheduler("tcp://127.0.0.1"), "give tls://HOST:PORT"),
        (Scheduler("tcp://127.0.0.1:99999999"), "give tls://HOST:PORT"),
    ],
)
def test_an_unsafe_or_impossible_address_is_refused(scheduler: Scheduler, message: str) -> None:
    with pytest.raises(VioError, match=message):
        check_scheduler(scheduler)


def test_loopback_is_accepted_and_plain_tcp_elsewhere_only_when_that_is_waived() -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "127.8.0.1"):
        check_scheduler(Scheduler(f"tcp://{host}:8786"))
    check_scheduler(Scheduler("tcp://192.0.2.7:8786", insecure=True))
    assert not is_loopback("0.0.0.0")


@needs_explore
@pytest.mark.slow
def test_a_worker_that_is_killed_loses_one_task_and_no_result(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, budget=20)
    (tmp_path / "alone").mkdir()
    (tmp_path / "out").mkdir()
    from contextlib import nullcontext

    explore(plan, tmp_path / "alone", lambda: nullcontext(Here()))
    assert not (tmp_path / "killed").exists()
    found = explore(plan, tmp_path / "out", lambda: local_runner(2, dying))
    assert int((tmp_path / "killed").read_text()) > 1  # a worker has gone in mid-run
    assert any(row["changed"].get("tracks") == 160 for row in found["rows"])
    for name in ("explore.json", "explore.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


@needs_explore
@pytest.mark.slow
def test_a_task_that_ends_every_worker_is_named(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    task = make_task(plan.cases[0].path, asdict(BASE), 8.0)
    with local_runner(1, always_dying) as runner, pytest.raises(VioError, match="ended 3 workers"):
        list(runner.run([task]))


def always_dying(task):  # type: ignore[no-untyped-def]
    """End the process."""
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@needs_explore
@pytest.mark.slow
def test_workers_without_the_data_or_with_other_code_are_refused(tmp_path: Path) -> None:
    task = make_task(make_plan(tmp_path).cases[0].path, asdict(BASE), 8.0)
    with local_runner(1, stand_in) as runner:
        runner.check([task])
        for other in (replace(task, data="other"), replace(task, path=str(tmp_path / "gone"))):
            with pytest.raises(VioError, match=r"worker tcp://127\.0\.0\.1.*other data"):
                runner.check([task, other])
        with pytest.raises(VioError, match="other Kestrel"):
            runner.check([replace(task, code="other")])


def openssl(folder: Path, *words: str) -> None:
    """Run openssl."""
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def certificates(folder: Path, name: str) -> dict[str, Path]:
    """Write an authority, and a key and certificate of it; return the three files."""
    key = ("-newkey", "rsa:2048", "-nodes")
    openssl(folder, "req", "-x509", *key, "-keyout", f"{name}-ca.key", "-out", f"{name}-ca.pem",
            "-days", "2", "-subj", f"/CN={name}")  # fmt: skip
    openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", "/CN=127.0.0.1")  # fmt: skip
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{name}-ca.pem",
            "-CAkey", f"{name}-ca.key", "-CAcreateserial", "-out", f"{name}.pem",
            "-days", "2")  # fmt: skip
    ends = {"ca": f"{name}-ca.pem", "cert": f"{name}.pem", "key": f"{name}.key"}
    return {kind: folder / end for kind, end in ends.items()}


@needs_explore
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_scheduler_behind_certificates_runs_tasks_for_who_has_them(tmp_path: Path) -> None:
    ours, theirs = (certificates(tmp_path, name) for name in ("ours", "theirs"))
    task = make_task(make_plan(tmp_path).cases[0].path, asdict(BASE), 8.0)
    with scheduler(ROOT, ours) as address:
        with remote_runner(Scheduler(address, **ours), stand_in) as runner:
            runner.check([task])
            ((_, result, _),) = runner.run([task])
            assert result == stand_in(task)[0]
        with (
            pytest.raises(VioError, match="does not answer"),
            remote_runner(Scheduler(address, **theirs), stand_in),
        ):
            pass
        with (
            pytest.raises(VioError, match="does not answer"),
            remote_runner(Scheduler(address.replace("tls", "tcp")), stand_in),
        ):
            pass


@needs_explore
@pytest.mark.slow
def test_a_local_cluster_listens_on_loopback_only_and_has_no_dashboard() -> None:
    import psutil

    with local_runner(2, stand_in) as runner:
        me = psutil.Process()
        found = [
            connection.laddr
            for process in (me, *me.children(recursive=True))
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert len(found) >= 5  # scheduler, two nannies and two workers
        assert {address.ip for address in found} == {"127.0.0.1"}
        assert 8787 not in {address.port for address in found}
        services = runner._client.cluster.scheduler.services
        port = services["dashboard"].port
        for page in ("status", "health", "metrics", "info/main/workers.html", "json/counts.json"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10)

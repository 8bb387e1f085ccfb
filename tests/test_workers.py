# SPDX-License-Identifier: Apache-2.0
"""Kernels share their items between a few threads, and no kernel uses numba's own threads."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vio import cli, workers
from vio.workers import SPAN, set_thread_count, share, thread_count, threads, usable_cores

ROOT = Path(__file__).parents[1]


def spans_of(count: int, used: int) -> tuple[list[tuple[int, int]], set[int]]:
    """Return the spans of a shared loop, sorted, and the threads that took some."""
    spans: list[tuple[int, int]] = []
    idents: set[int] = set()
    here = threading.Barrier(used, timeout=10.0) if used > 1 else None
    waited = threading.local()

    def work(first: int, last: int) -> None:
        if here is not None and not hasattr(waited, "once"):
            waited.once = True
            here.wait()  # so that each thread has to take a span
        spans.append((first, last))
        idents.add(threading.get_ident())

    with threads(used):
        share(work, count)
    return sorted(spans), idents


@pytest.mark.parametrize("count", [0, 1, SPAN, 2 * SPAN - 1])
def test_few_items_stay_with_the_caller(count: int) -> None:
    assert spans_of(count, 1) == ([(0, count)], {threading.get_ident()})
    with threads(8):
        seen: list[int] = []
        share(lambda first, last: seen.append(threading.get_ident()), count)
    assert seen == [threading.get_ident()]


@pytest.mark.parametrize("used", [2, 3, 5])
def test_each_item_is_done_once_and_every_thread_takes_part(used: int) -> None:
    spans, idents = spans_of(used * SPAN + 7, used)
    assert [first for first, _ in spans] == [0] + [last for _, last in spans[:-1]]
    assert spans[-1][1] == used * SPAN + 7
    assert len(idents) == used
    assert threading.get_ident() in idents


def test_a_call_can_be_kept_to_one_thread() -> None:
    seen: list[tuple[int, int, str]] = []
    with threads(4):
        share(lambda first, last, name: seen.append((first, last, name)), 500, "x", at_most=1)
    assert seen == [(0, 500, "x")]


@pytest.mark.parametrize("where", ["caller", "helper"])
def test_an_error_on_any_thread_is_raised_when_all_have_ended(where: str) -> None:
    caller = threading.get_ident()
    both = threading.Barrier(2, timeout=10.0)
    waited = threading.local()
    ended: list[bool] = []

    def work(first: int, last: int) -> None:
        if not hasattr(waited, "once"):
            waited.once = True
            both.wait()  # so that both threads run
        if (threading.get_ident() == caller) == (where == "caller"):
            raise IndexError(f"beyond the end in {where}")
        time.sleep(0.05)  # longer than the other thread takes to fail
        ended.append(True)

    with threads(2), pytest.raises(IndexError, match=where):
        share(work, 2 * SPAN)
    assert ended


def test_the_default_is_two_threads_or_as_many_as_there_are_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_threads", 0)
    for cores, wanted in ((1, 1), (2, 2), (64, 2)):
        monkeypatch.setattr(workers, "usable_cores", lambda n=cores: n)
        assert thread_count() == wanted
    assert usable_cores() >= 1


def test_the_number_of_threads_is_given_back() -> None:
    before = thread_count()

    def fail() -> None:
        with threads(5):
            assert thread_count() == 5
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert thread_count() == before


def test_no_thread_is_left_when_the_pool_is_closed() -> None:
    spans_of(64, 2)
    workers.close_pool()
    assert not [t for t in threading.enumerate() if t.name.startswith("kernel")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_has_threads_of_its_own() -> None:
    code = (
        "import os\n"
        "from vio.workers import set_thread_count, share\n"
        "set_thread_count(2)\n"
        "share(lambda a, b: None, 64)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    share(lambda a, b: None, 64)\n"
        "    os._exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60)
    assert result.returncode == 0


@pytest.mark.parametrize("command", ["run", "demo"])
def test_the_option_sets_the_number_of_threads(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"run": ["run", "/nowhere"], "demo": ["demo", "--scenario", "/nowhere"]}[command]
    monkeypatch.setattr(workers, "_threads", 0)
    assert cli.main([*words, "--threads", "3"]) == 2
    assert thread_count() == 3
    set_thread_count(1)
    assert cli.main([*words, "--threads", "0"]) == 2
    assert thread_count() == 1
    assert "'0' is not a whole number from 1" in capsys.readouterr().err


def test_no_kernel_is_compiled_for_numbas_own_threads() -> None:
    """numba's threading layers keep threads that may spin; where TBB is found, even at exit."""
    for path in (ROOT / "vio").rglob("*.py"):
        code = path.read_text().replace("`parallel=True`", "")
        assert "parallel=True" not in code, path
        assert "prange" not in code, path

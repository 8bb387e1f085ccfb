# SPDX-License-Identifier: Apache-2.0
"""A few threads that share the items of one compiled kernel.

Kernels here are plain functions compiled with nogil=True. numba's own `parallel=True` compiles each
of them for several times as long, and its runtime keeps threads that may spin after their work.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

DEFAULT_THREADS = 2
SPAN = 16  # fewest items that are worth waking a thread for
SPANS_PER_THREAD = 2  # so that a thread that was interrupted leaves some of its work to the others

_threads = 0  # 0: not chosen yet
_pool: ThreadPoolExecutor | None = None


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def thread_count() -> int:
    """Return how many threads `share` uses, the caller's included."""
    return _threads or min(DEFAULT_THREADS, usable_cores())


def set_thread_count(count: int) -> None:
    """Let `share` use so many threads, 1 or more, from now on, in the whole process."""
    global _threads
    close_pool()
    _threads = count


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let `share` use so many threads within a with statement."""
    before = _threads
    set_thread_count(count)
    try:
        yield
    finally:
        set_thread_count(before)


def share(work: Callable[..., None], count: int, *arguments: Any, at_most: int = 0) -> None:
    """Call work(first, last, *arguments) on spans that cover range(count), each item once.

    work: what it writes for an item must depend on nothing that it writes for others; then the
    result is the same on any number of threads. at_most: threads for this call; 0: all.
    Raises what `work` raises.
    """
    used = min(at_most or thread_count(), count // SPAN)
    if used <= 1:
        work(0, count, *arguments)
        return
    spans = min(SPANS_PER_THREAD * used, count // SPAN)
    bounds = [count * k // spans for k in range(spans + 1)]
    waiting = list(pairwise(bounds))

    def take() -> None:
        while waiting:
            try:
                first, last = waiting.pop()
            except IndexError:  # another thread was faster
                return
            work(first, last, *arguments)

    pool = _get_pool()
    helpers = [pool.submit(take) for _ in range(used - 1)]
    try:
        take()
    finally:
        waiting.clear()
        wait(helpers)
    for helper in helpers:
        helper.result()


def _get_pool() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max(thread_count() - 1, 1), "kernel")
    return _pool


def close_pool() -> None:
    """End the threads; `share` starts new ones when it needs them."""
    global _pool
    if _pool is not None:
        _pool.shutdown()
        _pool = None


def _forget_pool() -> None:
    """Forget the parent's threads: a child process has none of them."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)

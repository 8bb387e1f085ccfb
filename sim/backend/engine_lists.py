# SPDX-License-Identifier: Apache-2.0
"""Lists of calls for tests of vector_engine.v: of a simulated window, and at random.

A case is a memory before, the words of the calls, their runs and descriptors, and the memory that
`execute` of vio/float32/execute.py leaves.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from vio.backend.window import Window
from vio.float32 import calls as c
from vio.float32.call_words import call_words, run_words
from vio.float32.calls import Builder, CallList, Matrix, Run
from vio.float32.execute import Results, addresses, run, words_of
from vio.float32.kernels import Kernels
from vio.float32.lane_words import Layout
from vio.float32.memory_map import LANDMARK_WORDS, STATE_WORDS
from vio.float32.schedule import Observed

WORDS = 7500  # of the memory that the tests build; its banks have 8192
LOW, NOT_FINITE, OUTSIDE, NO_CALL = 1, 2, 4, 8  # status bits


@dataclass(frozen=True)
class Case:
    """Hold a list to run: before, after (M,) uint32; words (N, 4); runs (R,).

    low: pivots that were not above their floor. kept: (K, 2) address and words of what a step
    changes for good: states, landmarks.
    """

    before: np.ndarray
    after: np.ndarray
    words: np.ndarray
    runs: np.ndarray
    low: int
    kept: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))

    def save(self, path: Path) -> Path:
        """Write the case to a file."""
        np.savez(path, **self.__dict__)
        return path

    @staticmethod
    def load(path: str) -> "Case":
        """Read a case from a file."""
        with np.load(path) as file:
            return Case(**{name: file[name] for name in file.files})


def case_of(
    calls: CallList, memory: np.ndarray, results: Results, layout: Layout | None = None
) -> Case:
    """Execute a list on a memory (M,) float32, in place, and return it as a case."""
    before = memory.view(np.uint32).copy()
    low = run(calls, memory, Kernels(), results)
    return Case(
        before, memory.view(np.uint32).copy(), call_words(calls, layout), run_words(calls, layout),
        low,
    )  # fmt: skip


def simulated_window(landmarks: int) -> Window:
    """Return a simulated window of 3 keyframes, of whose landmarks so many stay."""
    from tests.simulation import Simulation, odometry_of
    from vio.config import load_config
    from vio.odometry import run as run_odometry

    small = ['frontend.engine="replay"', "backend.keyframes=3", "backend.recent_frames=2"]
    odometry = odometry_of(Simulation(7, seconds=2.0), load_config("euroc", small))
    for _ in run_odometry(Simulation(7, seconds=2.0), odometry):
        pass
    found = odometry.estimator.window
    assert found is not None
    found.free_landmarks(found.active_rows()[landmarks:])
    return found


def window_cases(landmarks: int) -> Iterator[tuple[str, Case]]:
    """Yield the lists of a step and of a marginalisation of a simulated window of 3 keyframes.

    landmarks: how many of those that it sees stay in it.
    """
    from tests.test_backend32 import by_kernels
    from vio.float32.marginalize import marginalize
    from vio.float32.schedule import step
    from vio.float32.structure import leaving_of, structure_of

    found = simulated_window(landmarks)
    w = by_kernels(found, Kernels())
    w.refresh_linearization_points()
    s = structure_of(w)
    one = step(s)
    memory = w.load(s, one.where)
    for name, calls in (("linearise", one.linearize), ("solve", one.solve), ("update", one.update)):
        results, _ = w.results(calls, s, one.columns, one.where, memory)
        case = case_of(calls, memory, results, Layout(s, one.columns, one.where))
        states = one.where.states, len(s.dims) * STATE_WORDS
        landmarks = one.where.landmarks, len(s.landmarks) * LANDMARK_WORDS
        yield name, replace(case, kept=np.array([states, landmarks]))
    w = by_kernels(found, Kernels())
    poses = [slot for slot in w.order if not w.is_full[slot]]
    recent = [slot for slot in w.order if w.is_full[slot]]
    leaving = leaving_of(w, poses[:1], recent[:1])
    marginal = marginalize(leaving)
    memory = w.load(leaving.structure, marginal.where)
    for name, calls in (("back", marginal.start), ("marginalise", marginal.calls)):
        results, _ = w.results(calls, leaving.structure, marginal.columns, marginal.where, memory)
        layout = Layout(leaving.structure, marginal.columns, marginal.where)
        yield name, case_of(calls, memory, results, layout)


def lane_case(seed: int, extreme: bool) -> Case:
    """Return every lane program on random words; extreme: some are infinite, NaN, subnormal."""
    from tests.lane_lists import lane_calls, lane_results, layout_of, memory_of

    layout = layout_of(seed)
    calls, words = lane_calls(layout)
    memory = memory_of(layout, words, seed, extreme)
    with np.errstate(all="ignore"):
        results = lane_results(calls, layout, memory.copy())
    return case_of(calls, memory, results, layout)


def _runs(rng: random.Random, width: int, most: int) -> tuple[Run, ...]:
    """Return runs at random: ascending, apart, within a width, source and destination."""
    cuts = sorted(rng.sample(range(width + 1), 2 * rng.randint(1, most)))
    shift = rng.randint(0, 3)
    return tuple((a, a + shift, b - a) for a, b in zip(cuts[::2], cuts[1::2], strict=True))


def random_calls(seed: int, count: int, words: int) -> CallList:
    """Return calls of all kinds at random places of a memory of `words` words.

    Sources lie in the first half, destinations in the second, but for elements that stay in their
    place. Floors and squared lengths are the first 32 words, pivots the last 64.
    """
    rng = random.Random(seed)
    builder = Builder()
    half = words // 2

    def free(size: int) -> int:
        return rng.randrange(half - size - 64)

    for _ in range(count):
        kind = rng.choice((*range(c.REFLECT + 1), c.PRODUCT, c.PRODUCT, c.ADD))
        width = rng.randint(8, 24)
        square = (width + 5) * (width + 5)
        if kind in (c.PRODUCT, c.DOWNDATE):
            dest = Matrix(half + free(square), width + 4, rng.choice((0, 0, width + 5)))
            runs = _runs(rng, width, 3)
            if kind == c.PRODUCT and rng.random() < 0.3:
                dest = Matrix(dest.base, width + 4, width + 5)
                rows = rng.randint(1, width // 2)
                builder.outer(dest, rng.randint(0, 2), rows, free(square), free(width), runs)
                continue
            depth, pitch = rng.randint(1, 5), rng.randint(width, width + 9)
            row_runs = runs[: rng.randint(1, len(runs))]
            builder.product(kind, dest, free(depth * pitch + width), pitch, depth, row_runs, runs)
        elif kind in (c.ADD, c.SUBTRACT) and rng.random() < 0.4:
            dest = Matrix(half + free(square), width + 4)
            places = rng.sample(range(width // 4), 2)  # of blocks, which may change their order
            block = tuple((4 * k, 4 * at, 4) for k, at in enumerate(places))
            columns = (*block, (8, width + rng.randint(0, 3), 1))
            builder.transfer(kind, dest, Matrix(free(100), 9), block, columns)
        elif kind >= c.PIVOT:
            d = words - 64 + rng.randrange(60) if kind == c.PIVOT else half + free(8)
            builder.vector(kind, 1, (d, 0), (rng.randrange(32), 0), (half + free(8), 0))
        else:
            _elements(rng, builder, kind, half)
    return builder.done()


def _elements(rng: random.Random, builder: Builder, kind: int, half: int) -> None:
    """Append a call on elements: all steps, columns and diagonals of triangles."""
    n, d_step = rng.randint(1, 20), rng.choice((1, 1, 1, 1, 3, -1, 7))
    falls = rng.randrange(4) if d_step == 7 and rng.random() < 0.5 else 0
    n = min(n, 7) if falls & 2 else n
    d = half + rng.randrange(300, half - 400)
    x, y = ((rng.randrange(300, half - 300), rng.choice((0, 1, 1, 1, -2, 5))) for _ in range(2))
    if falls in (0, 3) and rng.random() < 0.3:
        x = d, d_step  # in its place
    builder.vector(kind, n, (d, d_step), x, y, triangle=falls)


def random_case(seed: int, count: int, words: int) -> Case:
    """Return random calls on random words, whose sums stay finite."""
    calls = random_calls(seed, count, words)
    rng = np.random.default_rng(seed)
    memory = rng.normal(size=words).astype(np.float32)
    memory[:32], memory[-64:] = np.abs(memory[:32]) * 1e-3, 1.0 + np.abs(memory[-64:])
    memory[:4] = 0.0
    size = int(words_of(calls.code, calls.runs).max())
    scratch = np.empty((3, size), np.int64)
    for call in calls.code:
        n = addresses(call, calls.runs, scratch)
        assert scratch[0, :n].min() >= words // 2
        assert scratch[0, :n].max() < words
        assert len(np.unique(scratch[0, :n])) == n, "a word is written twice"
    return case_of(calls, memory, {})


FAULTS = (
    "low", "infinite", "kind", "load", "store", "write", "read", "step", "pivot", "row", "source",
)  # fmt: skip
# Words that a call may have written before it left the memory; with few lanes of "read".
_PARTLY = {
    "write": (WORDS - 4, WORDS), "store": (WORDS - 40, WORDS), "step": (200, 209),
    "row": (WORDS - 40, WORDS), "read": (200, 203),
    "source": (200, 245),  # its first source row is within the memory
}  # fmt: skip


def _failing(kind: str, layout: Layout) -> tuple[Builder, int]:
    """Return calls of which the second fails, and the status."""
    builder = Builder()
    builder.vector(c.COPY, 20, (100, 1), (300, 1))
    if kind == "low":  # -1 is not above 0.5
        builder.vector(c.PIVOT, 1, (0, 0), (1, 0), (2, 0))
        return builder, LOW
    if kind == "infinite":
        builder.vector(c.MULTIPLY, 6, (200, 1), (300, 1), (3, 0))
        return builder, NOT_FINITE
    if kind == "kind":
        builder.vector(c.RETRACT + 1, 1, (0, 0))
        return builder, NO_CALL
    if kind in ("load", "store"):  # a landmark, or a destination, that ends behind the memory
        landmark = layout.s.landmarks[0]
        index, dest = (0, WORDS - 40) if kind == "store" else (WORDS // LANDMARK_WORDS, 5000)
        builder.lane(c.OBSERVE, dest, Observed(landmark, index, layout.where.observations))
        return builder, OUTSIDE
    if kind == "write":
        builder.vector(c.CLEAR, 5, (WORDS - 4, 1))
    elif kind == "read":
        builder.vector(c.ADD, 3, (200, 1), (300, 1), (WORDS - 2, 1))
    elif kind == "step":
        builder.vector(c.COPY, 9, (200, 1), (300, -100))
    elif kind == "pivot":
        builder.vector(c.DROP_PIVOT, 1, (300, 0), (1, 0), (WORDS, 0))
    elif kind == "row":
        run = ((0, 0, 9),)
        builder.product(c.PRODUCT, Matrix(WORDS - 40, 9), 300, 9, 2, run, run)
    else:
        run = ((0, 0, 5),)
        builder.product(c.DOWNDATE, Matrix(200, 9), WORDS - 14, 9, 3, run, run)
    return builder, OUTSIDE


@dataclass(frozen=True)
class Fault:
    """Hold a step whose call 1 fails: the words (N, 4) of all its calls, their runs, the status.

    case: what runs before the failure. partly: the addresses, first and behind the last, of words
    that may differ from its memory after.
    """

    case: Case
    words: np.ndarray
    runs: np.ndarray
    status: int
    partly: tuple[int, int]


def fault_of(kind: str) -> Fault:
    """Return a step with a fault of FAULTS, which skips a call that would clear 50 words."""
    from tests.lane_lists import layout_of

    memory = np.random.default_rng(3).normal(size=WORDS).astype(np.float32)
    memory[:4] = -1.0, 0.5, 9.0, np.inf
    layout = layout_of(0)
    builder, status = _failing(kind, layout)
    calls = builder.done()
    builder.vector(c.CLEAR, 50, (90, 1))
    whole = builder.done()
    prefix = 2 if kind in ("low", "infinite") else 1
    case = case_of(CallList(calls.code[:prefix], calls.runs, calls.operands), memory, {})
    words, runs = call_words(whole, layout), run_words(whole, layout)
    return Fault(case, words, runs, status, _PARTLY.get(kind, (0, 0)))

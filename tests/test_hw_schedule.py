# SPDX-License-Identifier: Apache-2.0
"""The back end's schedule: complete, by executing it; exact, by counting what it executes."""

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vio.backend.estimator as estimator
from tests.simulation import Simulation, odometry_of
from vio import geometry
from vio.backend import factors, solve, states
from vio.backend.landmarks import substitute_landmarks
from vio.backend.marginalize import marginalize as reference_marginalize
from vio.backend.solve import solve_normal
from vio.backend.window import FREE, Window
from vio.cli import main
from vio.config import load_config
from vio.errors import VioError
from vio.hw.schedule import cost, landmark_cost
from vio.hw.schedule.cost import cost_of
from vio.hw.schedule.interpreter import Execution
from vio.hw.schedule.machine import Call, Cost, Machine
from vio.hw.schedule.schedule import LANDMARK_BATCH, VARIANTS, marginal_order, marginalize, optimize
from vio.hw.schedule.structure import leaving_of, structure_of, worst_case
from vio.hw.schedule.totals import Window as Case
from vio.hw.schedule.totals import keyframe_costs, traced_windows, waiting_words
from vio.odometry import run

BOUNDED = ("factor", "retract", "difference")  # by a bound above their counted operations
COUNTS = ("mul", "add", "div", "sqrt")


class Number:
    """Count the operations on numbers."""

    count = dict.fromkeys(COUNTS, 0)

    def __init__(self, value: float) -> None:
        self.value = float(value)

    def _take(self, kind: str, value: float) -> "Number":
        Number.count[kind] += 1
        return Number(value)

    def __add__(self, o: Any) -> "Number":
        if isinstance(o, np.ndarray):
            return NotImplemented
        return self._take("add", self.value + float(o))

    def __sub__(self, o: Any) -> "Number":
        if isinstance(o, np.ndarray):
            return NotImplemented
        return self._take("add", self.value - float(o))

    def __rsub__(self, o: Any) -> "Number":
        return self._take("add", float(o) - self.value)

    def __mul__(self, o: Any) -> "Number":
        if isinstance(o, np.ndarray):
            return NotImplemented
        return self._take("mul", self.value * float(o))

    def __truediv__(self, o: Any) -> "Number":
        if isinstance(o, np.ndarray):
            return NotImplemented
        return self._take("div", self.value / float(o))

    def __rtruediv__(self, o: Any) -> "Number":
        return self._take("div", float(o) / self.value)

    __radd__, __rmul__ = __add__, __mul__

    def sqrt(self) -> "Number":
        """Return the root."""
        return self._take("sqrt", math.sqrt(self.value))

    def __neg__(self) -> "Number":
        return Number(-self.value)

    def __abs__(self) -> "Number":
        return Number(abs(self.value))

    def __float__(self) -> float:
        return self.value

    def __lt__(self, o: Any) -> bool:
        return self.value < float(o)

    def __gt__(self, o: Any) -> bool:
        return self.value > float(o)

    def __le__(self, o: Any) -> bool:
        return self.value <= float(o)

    def __ge__(self, o: Any) -> bool:
        return self.value >= float(o)

    def __eq__(self, o: object) -> bool:
        return self.value == float(o)  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]


def numbers(a: np.ndarray) -> np.ndarray:
    """Return an array of counting numbers."""
    out = np.empty(np.shape(a), object)
    for i, v in np.ndenumerate(a):
        out[i] = Number(v)
    return out


def counted(work: Callable[[], object]) -> dict[str, int]:
    """Return the operations of some work."""
    before = dict(Number.count)
    work()
    return {k: Number.count[k] - before[k] for k in COUNTS}


def plain(module: Any) -> SimpleNamespace:
    """Return a module's compiled functions as Python, for numbers that count."""
    space = {k: getattr(v, "py_func", v) for k, v in vars(module).items()}
    if module is not geometry:
        space |= {k: v for k, v in vars(plain(geometry)).items() if k in space}
    if module is states:
        space |= {k: v for k, v in vars(plain(solve)).items() if k in space}

    def root(x: Any) -> Any:
        return x.sqrt() if isinstance(x, Number) else math.sqrt(x)

    space["math"] = SimpleNamespace(**{**vars(math), "sqrt": root, "floor": math.floor})
    space["float"] = lambda x: x
    for name, value in list(space.items()):
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            space[name] = FunctionType(value.__code__, space, name, value.__defaults__)
    return SimpleNamespace(**space)


def of(c: Cost) -> dict[str, int]:
    """Return a cost's operations."""
    return {k: getattr(c, k) for k in COUNTS}


@pytest.fixture(scope="module")
def recorded() -> tuple[Window, tuple[Window, list[int], list[int]]]:
    """Return a window before its step and one before it loses a keyframe with landmarks."""
    small = ['frontend.engine="replay"', "backend.keyframes=3", "backend.recent_frames=2"]
    config = load_config("euroc", small)
    sim = Simulation(7, seconds=2.0)
    odometry = odometry_of(sim, config)
    steps: list[Window] = []
    leaves: list[tuple[Window, list[int], list[int]]] = []
    with pytest.MonkeyPatch.context() as patch:
        optimize_ = Window.optimize

        def step(window: Window, iterations: int) -> float:
            steps.append(copy.deepcopy(window))
            del steps[:-1]
            return optimize_(window, iterations)

        def leave(window: Window, frames: list[int], motions: list[int]) -> None:
            hosted = np.count_nonzero(np.isin(window.host[window.lm_state != FREE], frames))
            if window.prior is not None and hosted > 1:
                leaves.append((copy.deepcopy(window), list(frames), list(motions)))
            reference_marginalize(window, frames, motions)

        patch.setattr(Window, "optimize", step)
        patch.setattr(estimator, "marginalize", leave)
        for _ in run(sim, odometry):
            pass
    return steps[-1], leaves[-1]


def thinned(window: Window, count: int, host: int | None = None) -> Window:
    """Return a copy with few landmarks: of one host, or spread over all."""
    w = copy.deepcopy(window)
    rows = w.active_rows()
    if host is not None:
        rows = rows[w.host[rows] == host]
    keep = set(rows[:: max(1, len(rows) // count)][:count].tolist())
    for row in np.flatnonzero(w.lm_state):
        if int(row) not in keep:
            w.free_landmarks(np.array([row]))
    return w


@pytest.mark.parametrize(
    ("variant", "batch"), [*((v, LANDMARK_BATCH) for v in VARIANTS), ("qr", 3)]
)
def test_executing_the_schedule_gives_the_windows_own_step(
    recorded: tuple[Window, Any], variant: str, batch: int
) -> None:
    window = thinned(recorded[0], 30)
    reference = copy.deepcopy(window)
    rows = reference.active_rows()
    H, g, _ = reference.linearize()
    if variant == "qr":
        dx = reference._solve_qr()
    else:
        ok, dx, _ = solve_normal(H, g, reference.config.damping)
        assert ok
    execution = Execution(window, lambda a: np.array(a, np.float64))
    execution.run(optimize(structure_of(window), variant, batch))
    assert np.linalg.norm(execution.dx - dx) < 1e-6 * np.linalg.norm(dx)
    slots, dims, col = reference.columns()
    states.retract(reference.R, reference.vec, slots, dims, dx)
    substitute_landmarks(
        rows, dx, col, reference._top, reference._top_slots, reference._top_frames, reference.lm
    )
    np.testing.assert_allclose(execution.lm[rows], reference.lm[rows], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(window.R[slots], reference.R[slots], atol=1e-8)


def test_a_schedule_without_one_of_its_landmarks_gives_another_step(
    recorded: tuple[Window, Any],
) -> None:
    window = thinned(recorded[0], 30)
    s = structure_of(window)
    lost = s.landmarks[3]
    fewer = replace(s, landmarks=tuple(lm for lm in s.landmarks if lm != lost))
    steps = []
    for structure in (s, fewer):
        execution = Execution(copy.deepcopy(window), lambda a: np.array(a, np.float64))
        execution.run(optimize(structure, "landmark-rows"))
        steps.append(execution.dx)
    assert np.linalg.norm(steps[0] - steps[1]) > 1e-4 * np.linalg.norm(steps[0])


@pytest.mark.parametrize(
    ("variant", "batch"),
    [("landmark-rows", LANDMARK_BATCH), ("landmark-rows", 2), ("schur", LANDMARK_BATCH)],
)
def test_executing_the_schedule_gives_the_references_prior(
    recorded: tuple[Window, tuple[Window, list[int], list[int]]], variant: str, batch: int
) -> None:
    window, frames, motions = recorded[1]
    leaving = leaving_of(window, frames, motions)
    assert sum(lm.host in leaving.frames for lm in leaving.structure.landmarks) > 1
    reference = copy.deepcopy(window)
    reference_marginalize(reference, frames, motions)
    assert reference.prior is not None
    J, r = reference.prior.J, reference.prior.r
    execution = Execution(copy.deepcopy(window), lambda a: np.array(a, np.float64), leaving)
    execution.run(marginalize(leaving, variant, batch))
    n, gone = execution.n, marginal_order(leaving)[1]
    if variant == "schur":
        H = execution.H[gone:, gone:]
        information, b = np.triu(H) + np.triu(H, 1).T, execution.g[gone:]
    else:
        none = np.zeros(execution.own + n + 1)
        R = np.array([execution.tables.get(("R", c), none) for c in range(gone, n)])
        U = R[:, execution.own + gone : -1]
        assert np.all(np.tril(U, -1) == 0.0)
        information, b = U.T @ U, U.T @ R[:, -1]
    expected = J.T @ J
    scale = 1.0 / np.sqrt(np.maximum(np.diag(expected), 1e-12))
    assert np.abs(scale[:, None] * (information - expected) * scale).max() < 1e-6
    assert np.abs(scale * (b - J.T @ r)).max() < 1e-6 * max(1.0, np.abs(scale * (J.T @ r)).max())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_call_counts_the_operations_that_it_executes(
    recorded: tuple[Window, Any], variant: str
) -> None:
    window = thinned(recorded[0], 4)
    execution = Execution(window, numbers)
    seen = set()
    for call in optimize(structure_of(window), variant):
        if call.kernel == "information":  # its operand is made by the executor, not by the machine
            execution.run([call])
            continue
        done = counted(lambda call=call: execution.run([call]))  # type: ignore[misc]
        if call.kernel not in BOUNDED:
            assert done == of(cost_of(call, Machine())), call
            seen.add(call.kernel)
    assert {"linearize", "reflect", "moved", "substitute"} <= seen


def test_the_marginalisations_calls_count_the_operations_that_they_execute(
    recorded: tuple[Window, tuple[Window, list[int], list[int]]],
) -> None:
    window, frames, motions = recorded[1]
    window = thinned(window, 3, frames[0])
    leaving = leaving_of(window, frames, motions)
    execution = Execution(window, numbers, leaving)
    for call in marginalize(leaving, "landmark-rows"):
        done = counted(lambda call=call: execution.run([call]))  # type: ignore[misc]
        expected = of(cost_of(call, Machine()))
        # Less where a column is zero by chance, or where a factor's dense rows are not triangular.
        if call.kernel in ("step", "rotate", "product"):
            assert all(done[k] <= expected[k] for k in COUNTS), call
        elif call.kernel not in BOUNDED:
            assert done == expected, call


def test_a_wrong_count_is_noticed(
    recorded: tuple[Window, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmark_cost, "ROW", (53, 33, 0, 0))
    window = thinned(recorded[0], 2)
    execution = Execution(window, numbers)
    call = next(
        c for c in optimize(structure_of(window), "landmark-rows") if c.kernel == "linearize"
    )
    assert counted(lambda: execution.run([call])) != of(cost_of(call, Machine()))


def test_the_factorisation_counts_what_the_reference_does() -> None:
    n = 9
    rng = np.random.default_rng(1)
    A = rng.normal(size=(2 * n, n))
    H, b = numbers(A.T @ A), numbers(rng.normal(size=n))
    reference = plain(solve)
    columns = [Call("solve", "column", (n - 1 - k,) if k < n - 1 else ()) for k in range(n)]
    total = sum((cost_of(c, Machine()) for c in columns), Cost())
    done = counted(lambda: reference.cholesky(H))
    done["mul"] += done["div"]  # the reference divides a row, the schedule takes a reciprocal
    done["div"] = n
    assert done == of(total)
    done = counted(lambda: reference.solve_upper(H, b))
    assert done == of(cost_of(Call("solve", "backward", (n,)), Machine()))
    done = counted(lambda: reference.solve_upper_transposed(H, b))
    assert done == of(cost_of(Call("solve", "forward", (n,)), Machine()))


def test_gram_matrices_count_what_the_reference_does() -> None:
    rng = np.random.default_rng(2)
    J, r, H = numbers(rng.normal(size=(5, 12))), numbers(np.ones(5)), numbers(np.zeros((12, 12)))
    g = numbers(np.zeros(12))
    done = counted(lambda: plain(solve).add_gram(H, g, J, r, np.arange(12)))
    assert done == of(cost_of(Call("sum", "rank", (5, 12)), Machine()))


def test_a_projection_counts_what_the_reference_does() -> None:
    rng = np.random.default_rng(3)
    R = np.eye(3) + 0.01 * rng.normal(size=(3, 3))
    a = [numbers(x) for x in (R, rng.normal(size=3), R.T, rng.normal(size=3))]
    rig = [numbers(np.stack([R, R])), numbers(np.ones((2, 3))), numbers(R), numbers(np.ones(3))]
    lm, J = numbers(np.array([0.1, 0.2, 0.3])), numbers(np.zeros((2, 16)))
    done = counted(lambda: plain(factors).project_landmark(*a, False, 1, *rig, lm, J))
    parts = (
        landmark_cost.POINT,
        landmark_cost.TARGET,
        landmark_cost.CAMERA,
        landmark_cost.ROW,
        landmark_cost.ROW,
    )
    expected = dict(zip(COUNTS, np.sum(parts, axis=0).tolist(), strict=True))
    expected["mul"] += 6  # the reference multiplies both positions' columns, of one size
    assert done == expected


def test_bounds_of_the_other_kernels_lie_above_what_the_reference_does() -> None:
    rng = np.random.default_rng(4)
    f, s = plain(factors), plain(states)
    R = [numbers(geometry.exp_so3(0.3 * rng.normal(size=3))) for _ in range(3)]
    x = [numbers(rng.normal(size=12)) for _ in range(2)]
    v = [numbers(rng.normal(size=3)) for _ in range(3)]
    J_bias, bias0, dt = numbers(0.1 * rng.normal(size=(9, 6))), numbers(np.zeros(6)), Number(0.05)

    def factor() -> None:
        f.imu_residual(R[0], x[0], R[1], x[1], dt, R[2], v[0], v[1], J_bias, bias0, v[2])
        f.imu_jacobian(R[0], x[0], R[1], x[1], dt, R[2], J_bias, bias0, v[2])

    done = counted(factor)
    assert all(done[k] <= b for k, b in zip(COUNTS, cost.FACTOR, strict=True)), done

    one, fifteen = np.array([0]), np.array([15])
    state, dx = numbers(rng.normal(size=(1, 12))), numbers(rng.normal(size=15) * 0.1)
    turned = np.array([R[0]])
    done = counted(lambda: s.retract(turned, state, one, fifteen, dx))
    done["add"] -= 12
    assert all(done[k] <= b for k, b in zip(COUNTS, cost.RETRACT, strict=True)), done
    first = np.array([R[1]])
    done = counted(lambda: s.local_difference(turned, state, first, state, one, fifteen))
    done["add"] -= 12
    assert all(done[k] <= b for k, b in zip(COUNTS, cost.DIFFERENCE, strict=True)), done


def test_four_lanes_reach_navions_slowest_rate_on_the_full_window() -> None:
    step, leaving = worst_case(20, 200)
    account = keyframe_costs(Case("full", step, (leaving,)), "landmark-rows", [Machine(lanes=4)])[0]
    assert account.keyframes_s >= 16.0
    assert account.memory_kib <= 412.6


def test_fewer_landmarks_at_once_fit_half_of_navions_memory_with_tracks_of_ten_frames() -> None:
    step, leaving = worst_case(20, 200, 10)
    machines = [Machine(lanes=4)]
    ten, seven = (
        keyframe_costs(Case("ten frames", step, (leaving,), batch), "landmark-rows", machines)[0]
        for batch in (LANDMARK_BATCH, 7)
    )
    assert seven.memory_kib * 1.024 < 200.0 < ten.memory_kib
    assert 16.0 < seven.keyframes_s < ten.keyframes_s
    with pytest.raises(VioError, match="one at least"):
        keyframe_costs(Case("none", step, (leaving,), 0), "landmark-rows", machines)


@pytest.mark.parametrize(("age", "batch"), [(None, LANDMARK_BATCH), (10, LANDMARK_BATCH), (10, 7)])
def test_the_rows_of_every_qr_step_have_their_place_in_memory(age: int | None, batch: int) -> None:
    structure, leaving = worst_case(20, 200, age)
    place = waiting_words(batch, structure.columns)
    steps = [
        call.sizes for call in marginalize(leaving, "landmark-rows", batch) if call.kernel == "step"
    ]
    taken = [rows * (1 + sum(runs)) for rows, *runs in steps]
    assert place / 2 < max(taken) <= place


def test_more_lanes_take_fewer_cycles_and_the_same_operations() -> None:
    step, leaving = worst_case(10, 20, 5)
    found = keyframe_costs(
        Case("small", step, (leaving,)), "landmark-rows", [Machine(lanes=k) for k in (1, 4)]
    )
    one, four = (a.total for a in found)
    assert one.cycles / 4 < four.cycles < one.cycles
    assert of(one) == of(four)


def test_a_run_leaves_its_windows_structures() -> None:
    config = load_config("euroc", ['frontend.engine="replay"'])
    sim = Simulation(7, seconds=1.0)
    kept: list[Case] = []
    with traced_windows(kept):
        for _ in run(sim, odometry_of(sim, config)):
            pass
    assert kept[-1].step.landmarks


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(VioError, match="choose from"):
        optimize(worst_case(6, 2)[0], "lu")


def test_the_command_writes_the_calls_and_accounts_of_its_variant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls, record = tmp_path / "calls.txt", tmp_path / "costs.json"
    size = ["--frames", "6", "--tracks", "12", "--age", "4", "--batch", "3"]
    files = ["--calls", str(calls), "--json", str(record)]
    assert (
        main(["hw", "schedule", *size, "--variant", "landmark-rows", "--lanes", "2,4", *files]) == 0
    )
    step, leaving = worst_case(6, 12, 4)
    case = Case("6 frames, 12 tracks, in 4", step, (leaving,), 3)
    machines = [Machine(lanes=lanes) for lanes in (2, 4)]
    expected = keyframe_costs(case, "landmark-rows", machines)
    assert json.loads(record.read_text()) == {"keyframes": [a.record() for a in expected]}
    assert len(calls.read_text().splitlines()) == expected[0].calls
    out = capsys.readouterr().out
    assert all(f"{a.keyframes_s:.1f}" in out for a in expected)

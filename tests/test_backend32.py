# SPDX-License-Identifier: Apache-2.0
"""The back end by kernels (backend.arithmetic) against the float64 window and linear algebra."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.simulation import Simulation, odometry_of
from tests.test_backend_window import config, dense_rows
from vio.backend.marginalize import marginalize
from vio.backend.window import ImuFactor, Prior, Window
from vio.errors import VioError
from vio.float32 import execute
from vio.float32.calls import PRODUCT, Builder
from vio.float32.kernels import Kernels
from vio.float32.memory_map import (
    FLOOR,
    NEGATIVE,
    PIVOT_FLOOR,
    memory_map,
    packed_words,
    step_columns,
)
from vio.float32.schedule import Schedule, solve_calls
from vio.float32.structure import Structure, structure_of
from vio.float32.window import Window32, _of_prior
from vio.hw.hls import verify_kernels
from vio.odometry import run

EPS = 2.0**-24  # of one rounding


class WrongKernels(Kernels):
    """Err by one part in a thousand in one kernel."""

    wrong = "multiply_add"

    def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results of a kernel."""
        out = super().run(kernel, words)
        return out * np.float32(1.001) if kernel == self.wrong else out


def _rounded(value: object) -> object:
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32)
    return value


def by_kernels(w: Window, kernels: Kernels) -> Window32:
    """Return a window of kernels with the contents of another, rounded."""
    out = object.__new__(Window32)
    out.__dict__.update({k: copy.deepcopy(_rounded(v)) for k, v in w.__dict__.items()})
    out.dtype, out.kernels, out._step = np.float32, kernels, None
    out.rig = type(w.rig)(*(np.asarray(_rounded(a)) for a in w.rig))
    out.config = replace(w.config, precision="float32")
    out.factors = []
    for f in w.factors:
        pre = type(f.pre)(*(_rounded(value) for value in f.pre))
        rounded = [np.asarray(_rounded(a)) for a in (f.W, f.bias0)]
        out.factors.append(ImuFactor(f.slot_i, f.slot_j, pre, *rounded))
    if w.prior is not None:
        p = w.prior
        out.prior = Prior(p.J.astype(np.float32), p.r.astype(np.float32), p.slots, p.dims)
    return out


def in_float64(w: Window32, like: Window) -> Window:
    """Return the float64 window of exactly the same numbers."""
    out = copy.copy(like)
    for name, value in vars(w).items():
        same = isinstance(value, np.ndarray) and value.dtype == np.float32
        if same and name not in ("gravity", "weight"):
            setattr(out, name, value.astype(np.float64))
    out.factors = []
    for f in w.factors:
        pre = type(f.pre)(
            *(v.astype(np.float64) if isinstance(v, np.ndarray) else v for v in f.pre)
        )
        out.factors.append(
            ImuFactor(f.slot_i, f.slot_j, pre, f.W.astype(np.float64), f.bias0.astype(np.float64))
        )
    if w.prior is not None:
        p = w.prior
        out.prior = Prior(p.J.astype(np.float64), p.r.astype(np.float64), p.slots, p.dims)
    out.order, out.row_of = list(w.order), dict(w.row_of)
    return out


@pytest.fixture
def windows() -> tuple[Window32, Window]:
    """Return a simulated window, off its optimum: by kernels, and in float64 with its numbers."""
    sim = Simulation(7, seconds=3.0)
    odometry = odometry_of(sim, config())
    for _ in run(sim, odometry):
        pass
    w = odometry.estimator.window
    assert w is not None
    w.vec[:, :3] += np.random.default_rng(0).normal(0, 0.002, w.vec[:, :3].shape)
    single = by_kernels(w, Kernels())
    return single, in_float64(single, w)


def test_sums_of_kernels_are_those_of_linear_algebra() -> None:
    rng = np.random.default_rng(1)
    kernels = Kernels()
    A, B = rng.normal(0, 1, (2, 5, 7, 4)).astype(np.float32)
    got = kernels.matmul(A, np.swapaxes(B, 1, 2))
    np.testing.assert_allclose(got, A @ np.swapaxes(B, 1, 2), atol=8 * EPS * 20)
    for n in (0, 1, 8, 61):
        weights, rows = rng.normal(0, 1, n).astype(np.float32), rng.normal(0, 1, (n, 3))
        got = kernels.rows_sum(weights, rows.astype(np.float32))
        np.testing.assert_allclose(got, weights @ rows, atol=(n + 1) * EPS * 20)
    assert kernels.calls["multiply_add"] > 0


@dataclass(frozen=True)
class System:
    """Hold a dense system in a memory: H packed with its right side, n columns."""

    schedule: Schedule
    memory: np.ndarray

    @property
    def words(self) -> slice:
        """Where H lies."""
        n = self.schedule.columns.count
        return slice(self.schedule.where.H, self.schedule.where.H + packed_words(n, n + 1))


def system(n: int) -> System:
    """Return an empty system of n columns: of n frames with poses, or less of the last."""
    frames = -(-n // 6)
    s = Structure((6,) * frames, (False,) * frames, (), (), (), 0)
    columns = replace(step_columns(s), count=n)
    where = memory_map(s, [step_columns(s)])
    memory = np.zeros(where.size, np.float32)
    memory[NEGATIVE], memory[FLOOR] = -1.0, PIVOT_FLOOR
    return System(Schedule(s, columns, where), memory)


def solved(n: int, H: np.ndarray, g: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the raised pivots and the solution of H x = -g."""
    one = system(n)
    i, j = np.triu_indices(n, 0, n + 1)
    one.memory[one.words] = np.concatenate([H, g[:, None]], axis=1)[i, j]
    calls = solve_calls(one.schedule)
    low = execute.run(calls, one.memory, Kernels(), {})
    where = one.schedule.where
    return low, one.memory[where.x : where.x + n].astype(np.float64)


def test_a_normal_system_is_solved_as_by_numpy_and_an_indefinite_one_is_noticed() -> None:
    rng = np.random.default_rng(2)
    for n in (1, 2, 17, 60):
        J = rng.normal(0, 1, (3 * n, n)) * 10.0 ** rng.uniform(-3, 3, n)
        H, g = (J.T @ J).astype(np.float32), rng.normal(0, 1, n).astype(np.float32)
        low, x = solved(n, H, g)
        assert low == 0
        s = np.sqrt(np.diag(H.astype(np.float64)))
        scaled = H / np.outer(s, s)
        expected = -np.linalg.solve(scaled, g / s)
        bound = 4 * n * EPS * np.linalg.cond(scaled) * np.abs(expected).max()
        np.testing.assert_allclose(x * s, expected, atol=bound)
    H[3, n - 1] = 2.0 * np.sqrt(H[3, 3] * H[n - 1, n - 1])
    low, x = solved(n, H, g)
    assert low > 0
    assert np.isfinite(x).all()


def test_a_column_without_information_takes_no_step() -> None:
    H, g = np.diag([4.0, 0.0, 16.0]).astype(np.float32), np.array([4.0, 0.0, 16.0], np.float32)
    low, x = solved(3, H, g)
    assert low == 0
    np.testing.assert_array_equal(x, [-1.0, 0.0, -1.0])


def test_products_are_added_where_their_runs_say() -> None:
    rng = np.random.default_rng(4)
    one = system(9)
    columns = [1, 2, 6, 7, 8]
    source = one.schedule.where.rows
    memory = np.concatenate([one.memory, np.zeros(4 * 17, np.float32)])
    rows = rng.normal(0, 1, (4, 17)).astype(np.float32)
    memory[source : source + rows.size] = rows.ravel()
    memory[one.words] = 0.0
    runs = ((3, 1, 2), (0, 6, 3))  # columns 3, 4 of a row to 1, 2 of H, and 0, 1, 2 to 6, 7, 8
    calls = Builder()
    right = (*runs, (16, 9, 1))
    calls.product(PRODUCT, one.schedule.H, source, 17, 4, runs, right)
    execute.run(calls.done(), memory, Kernels(), {})
    wide = np.zeros((4, 10))
    wide[:, [*columns, 9]] = rows[:, [3, 4, 0, 1, 2, 16]]
    i, j = np.triu_indices(9, 0, 10)
    np.testing.assert_allclose(memory[one.words], (wide.T @ wide)[:9][i, j], atol=1e-5)


def _errors(single: Window32, double: Window) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return the scaled errors of H and g, the relative one of the cost, and a bound.

    What is left of a landmark is a difference of larger numbers: their sizes say what is lost.
    """
    J, r, n = dense_rows(double)
    H, g, cost = double.linearize()
    s = np.sqrt(np.diag(H))
    lost = np.max(np.sum(J[:, :n] ** 2, axis=0) / np.diag(H))
    got_H, got_g, got_cost = single.linearize()
    bound = 8 * EPS * np.sqrt(len(r)) * lost
    error_g = (got_g - g) / s / np.sqrt(2 * cost)
    return (got_H - H) / np.outer(s, s), error_g, abs(got_cost / cost - 1), bound


def test_normal_equations_are_those_of_the_float64_window(
    windows: tuple[Window32, Window],
) -> None:
    error_H, error_g, error_cost, bound = _errors(*windows)
    assert bound < 0.02
    assert np.abs(error_H).max() < bound
    assert np.abs(error_g).max() < bound
    assert error_cost < 1e-4


def test_a_kernel_that_errs_is_noticed(windows: tuple[Window32, Window]) -> None:
    windows[0].kernels = WrongKernels()
    error_H, *_, bound = _errors(*windows)
    assert np.abs(error_H).max() > bound


def test_a_step_and_the_landmarks_follow_the_float64_window(
    windows: tuple[Window32, Window],
) -> None:
    single, double = windows
    start_p, start_lm = double.vec[:, :3].copy(), double.lm.copy()
    single.optimize(1)
    double.optimize(1)
    slots, rows = double.order, double.active_rows()
    for got, wanted, start in (
        (single.vec[slots, :3], double.vec[slots, :3], start_p[slots]),
        (single.lm[rows], double.lm[rows], start_lm[rows]),
    ):
        moved = np.linalg.norm(wanted - start)
        assert moved > 1e-3
        assert np.linalg.norm(got - wanted) < 0.03 * moved
    R = single.R[slots]
    np.testing.assert_allclose(R @ np.swapaxes(R, 1, 2) - np.eye(3), 0, atol=1e-5)


def test_marginalisation_gives_the_prior_of_the_float64_window(
    windows: tuple[Window32, Window],
) -> None:
    single, double = windows
    recent = [s for s in double.order if double.is_full[s]]
    poses = [s for s in double.order if not double.is_full[s]]
    for w in (single, double):
        marginalize(w, poses[:1], recent[:1])
    assert single.prior is not None
    assert double.prior is not None
    assert single.prior.slots == double.prior.slots
    used = np.flatnonzero(np.abs(double.prior.J).sum(axis=0))
    P, got = double.prior.J[:, used], single.prior.J[:, used].astype(np.float64)
    assert np.count_nonzero(single.prior.J) == np.count_nonzero(got)
    s = np.sqrt(np.diag(P.T @ P))
    error = (got.T @ got - P.T @ P) / np.outer(s, s)
    assert np.abs(error).max() < 2e-3
    gradient = P.T @ double.prior_residual() / s
    single_gradient = got.T @ single.prior_residual() / s
    np.testing.assert_allclose(single_gradient, gradient, atol=0.02 * max(1, abs(gradient).max()))
    triangle = np.zeros_like(single.prior.J)  # motions first, then poses
    triangle[:, _of_prior(structure_of(single))] = single.prior.J
    assert not np.tril(triangle, -1).any()
    assert np.tril(single.prior.J, -1).any()


def test_windows_without_landmarks_or_with_broken_ones_stay_finite(
    windows: tuple[Window32, Window],
) -> None:
    single, _ = windows
    rows = single.active_rows()
    single.lm[rows[0]] = (0.0, 0.0, -1e3)  # behind every camera
    single.mask[rows[1]] = 0
    H, g, cost = single.linearize()
    assert np.isfinite(H).all()
    assert np.isfinite(g).all()
    assert np.isfinite(cost)
    single.mask[:] = 0
    H, g, cost = single.linearize()
    assert np.isfinite(H).all()
    assert np.isfinite(single.optimize(1))


def test_a_run_by_kernels_repeats_to_the_bit_and_keeps_to_the_float64_run() -> None:
    paths = []
    for arithmetic in ("float", "float32", "float32"):
        sim = Simulation(7, seconds=2.0)
        settings = config(f'backend.arithmetic="{arithmetic}"')
        states = list(run(sim, odometry_of(sim, settings)))
        paths.append(np.array([s.p_world_body for s in states if s.p_world_body is not None]))
    assert paths[1].tobytes() == paths[2].tobytes()
    assert paths[0].shape == paths[1].shape
    assert np.abs(paths[0] - paths[1]).max() < 2e-3
    assert np.abs(paths[0] - paths[1]).max() > 0


def test_what_has_no_kernels_is_refused() -> None:
    sim = Simulation(7, seconds=1.5)
    settings = config('backend.arithmetic="float32"', 'backend.solver="qr"')
    with pytest.raises(VioError, match="no kernels"):
        for _ in run(sim, odometry_of(sim, settings)):
            pass


def test_a_file_without_operands_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    with pytest.raises(VioError, match="is not there"):
        verify_kernels.load(path)
    path.write_bytes(b"no operands")
    with pytest.raises(VioError, match="holds no operands"):
        verify_kernels.load(path)
    np.savez(path, images=np.zeros(3))
    with pytest.raises(VioError, match="images"):
        verify_kernels.load(path)
    np.savez(path, add=np.zeros((5, 3), np.uint32))
    with pytest.raises(VioError, match=r"add is \(5, 3\) uint32, not \(N, 2\)"):
        verify_kernels.load(path)

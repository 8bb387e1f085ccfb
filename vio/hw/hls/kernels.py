# SPDX-License-Identifier: Apache-2.0
"""Kernels of hls/ with their references: how to call both on words, and operands to try them on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit

from vio.float32 import cholesky as cholesky32
from vio.float32 import float as fp32
from vio.float32 import qr as qr32
from vio.float32.batches import COMPOSITE, Fill
from vio.hw.hls.operands import matrices, observations, pairs, rows, vectors
from vio.hw.hls.xls import HLS, Words, adapter


@dataclass(frozen=True)
class Kernel:
    """Hold a DSLX function of words, its reference and its operands.

    body: see `vio.hw.hls.xls.adapter`. results: a name for each word that it gives. reference:
    fills (N, results) uint32 from words (N, inputs). operands: (count, seed) -> words.
    """

    body: str
    imports: tuple[str, ...]
    inputs: int
    results: tuple[str, ...]
    fill: Fill
    operands: Callable[[int, int], np.ndarray]
    optimise: bool = False

    def words(self, folder: Path = HLS) -> Words:
        """Return the compiled function, of the modules in a folder."""
        text = adapter(self.body, self.inputs, len(self.results), self.imports)
        return Words(text, "words", self.inputs, len(self.results), folder, self.optimise)

    def reference(self, words: np.ndarray) -> np.ndarray:
        """Return what the reference gives for words (N, inputs), (N, results) uint32."""
        out = np.zeros((len(words), len(self.results)), np.uint32)
        self.fill(np.ascontiguousarray(words, np.uint32).view(np.float32), out.view(np.float32))
        return out


def _fill(kernel: str) -> Fill:
    """Return the reference of a kernel that the back end calls as a whole."""
    return COMPOSITE[kernel][2]


@njit(cache=True)
def _float(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        a, b = x[i, 0], x[i, 1]
        out[i, 0] = fp32.add(a, b)
        out[i, 1] = fp32.sub(a, b)
        out[i, 2] = fp32.mul(a, b)
        out[i, 3] = fp32.div(a, b)
        out[i, 4] = fp32.sqrt(a)
        out[i, 5] = fp32.neg(a)
        out[i, 6] = fp32.absolute(a)
        out[i, 7] = fp32.select(fp32.lt(a, b), a, b)
        flags = 4 * fp32.lt(a, b) + 2 * fp32.le(a, b) + fp32.eq(a, b)
        out[i, 8] = fp32.from_bits(np.uint32(flags))


@njit(cache=True)
def _householder(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        block = x[i].copy().reshape(4, 4)
        qr32.householder(block[0], block[1:])
        out[i] = block.ravel()


@njit(cache=True)
def _nullspace(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        block = x[i].copy().reshape(8, 16)
        qr32.nullspace(block)
        out[i] = block.ravel()


@njit(cache=True)
def _dot(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = qr32.dot(x[i, :16], x[i, 16:])


@njit(cache=True)
def _solve(x: np.ndarray, out: np.ndarray) -> None:
    U = np.zeros((3, 3), np.float32)
    for i in range(len(x)):
        U[0] = x[i, :3]
        U[1, 1:] = x[i, 3:5]
        U[2, 2] = x[i, 5]
        out[i] = qr32.solve(U, x[i, 6:])


@njit(cache=True)
def _givens(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        block = x[i].copy().reshape(2, 4)
        c, s, r = qr32.givens(block[0, 0], block[1, 0])
        qr32.rotate(c, s, block[0], block[1])
        out[i, 0], out[i, 1], out[i, 2] = c, s, r
        out[i, 3:] = block.ravel()


@njit(cache=True)
def _triangular(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        u, inverse, positive = cholesky32.pivot(x[i, 0])
        row = x[i, 2:6].copy()
        cholesky32.downdate(row, x[i, 1], x[i, 6:10])
        out[i, 0], out[i, 1] = u, inverse
        out[i, 2] = fp32.from_bits(np.uint32(positive))
        out[i, 3:7] = row
        out[i, 7] = qr32.solve_step(x[i, 10], x[i, 11], x[i, 12])


FLOAT = """
    let (x, y) = (f(w[0]), f(w[1]));
    [u(float::add(x, y)), u(float::sub(x, y)), u(float::mul(x, y)), u(float::div(x, y)),
     u(float::sqrt(x)), u(float::neg(x)), u(float::absolute(x)),
     u(float::select(float::lt(x, y), x, y)),
     (float::lt(x, y) ++ float::le(x, y) ++ float::eq(x, y)) as u32]
"""
_OPERATIONS = ("add", "sub", "mul", "div", "sqrt", "neg", "absolute", "select", "comparisons")
_ENTRIES = tuple(f"[{i}][{j}]" for i in range(3) for j in range(3))


def _of_vector(function: str) -> str:
    entries = ", ".join(f"u(m{entry})" for entry in _ENTRIES)
    return f"let m = so3::{function}([f(w[0]), f(w[1]), f(w[2])]); [{entries}]"


_ROWS = ", ".join(f"[f(w[{3 * i}]), f(w[{3 * i + 1}]), f(w[{3 * i + 2}])]" for i in range(3))
_LOG = f"let v = so3::log([{_ROWS}]); [u(v[0]), u(v[1]), u(v[2])]"
_SO3 = ("so3",)


def _array(first: int, count: int = 4) -> str:
    return "[" + ", ".join(f"f(w[{first + k}])" for k in range(count)) + "]"


def _units(name: str, count: int = 4) -> str:
    return ", ".join(f"u({name}[{k}])" for k in range(count))


_HOUSEHOLDER = f"""
    let (p, r) = qr::householder({_array(0)}, [{_array(4)}, {_array(8)}, {_array(12)}]);
    [{_units("p")}, {_units("r[0]")}, {_units("r[1]")}, {_units("r[2]")}]
"""
# Landmark 3 | residual | host 6 | target 6 of four observations, as `linearize` gives them.
_NULLSPACE = f"""
    let r = qr::nullspace([{", ".join(_array(16 * i, 16) for i in range(8))}]);
    [{", ".join(_units(f"r[{i}]", 16) for i in range(8))}]
"""
_DOT = f"[u(qr::dot({_array(0, 16)}, {_array(16, 16)}))]"
_SOLVE = f"""
    let zero = f(u32:0);
    let U = [{_array(0, 3)}, [zero, f(w[3]), f(w[4])], [zero, zero, f(w[5])]];
    let x = qr::solve(U, {_array(6, 3)});
    [{_units("x", 3)}]
"""
_GIVENS = f"""
    let (c, s, r) = qr::givens(f(w[0]), f(w[4]));
    let (x, y) = qr::rotate(c, s, {_array(0)}, {_array(4)});
    [u(c), u(s), u(r), {_units("x")}, {_units("y")}]
"""
_TRIANGULAR = f"""
    let (p, i, positive) = cholesky::pivot(f(w[0]));
    let h = cholesky::downdate({_array(2)}, f(w[1]), {_array(6)});
    [u(p), u(i), positive as u32, {_units("h")}, u(qr::solve_step(f(w[10]), f(w[11]), f(w[12])))]
"""


def _matrix(first: int) -> str:
    return f"[{_array(first, 3)}, {_array(first + 3, 3)}, {_array(first + 6, 3)}]"


def _pose(first: int) -> str:
    return f"linearize::Pose {{ R: {_matrix(first)}, p: {_array(first + 9, 3)} }}"


_CAMERA = (
    f"linearize::Camera {{ R: {_matrix(24)}, p: {_array(33, 3)}, R_body: {_matrix(36)}, "
    f"p_body: {_array(45, 3)}, weight: f(w[48]), huber: f(w[49]) }}"
)
_SEEN = f"{_CAMERA}, {_array(50, 3)}, {_array(53, 2)}"
_ROW = ", ".join(
    f"{_units(f'{r}.landmark', 3)}, u({r}.residual), {_units(f'{r}.host', 6)}, "
    f"{_units(f'{r}.target', 6)}"
    for r in "ab"
)
_LINEARIZE = f"""
    let (seen, a, b) = linearize::linearize({_pose(0)}, {_pose(12)}, {_SEEN});
    [seen as u32, {_ROW}]
"""
_LINEARIZE_OWN = f"""
    let (seen, a, b) = linearize::linearize_own({_SEEN});
    [seen as u32, {_units("a")}, {_units("b")}]
"""


def _block(width: int) -> tuple[str, ...]:
    return ("seen", *(f"[{i}][{j}]" for i in range(2) for j in range(width)))


KERNELS = {
    "float": Kernel(FLOAT, ("float",), 2, _OPERATIONS, _float, pairs, optimise=True),
    "so3_exp": Kernel(_of_vector("exp"), _SO3, 3, _ENTRIES, _fill("so3_exp"), vectors),
    "so3_right_jacobian": Kernel(
        _of_vector("right_jacobian"), _SO3, 3, _ENTRIES, _fill("so3_right_jacobian"), vectors
    ),
    "so3_inverse_right_jacobian": Kernel(
        _of_vector("inverse_right_jacobian"),
        _SO3,
        3,
        _ENTRIES,
        _fill("so3_inverse_right_jacobian"),
        vectors,
    ),
    "so3_log": Kernel(_LOG, _SO3, 9, ("x", "y", "z"), _fill("so3_log"), matrices),
    "qr_householder": Kernel(
        *(_HOUSEHOLDER, ("qr",), 16, tuple(f"[{i}][{j}]" for i in range(4) for j in range(4))),
        *(_householder, rows(16)),
    ),
    "qr_nullspace": Kernel(
        *(_NULLSPACE, ("qr",), 128, tuple(f"[{i}][{j}]" for i in range(8) for j in range(16))),
        *(_nullspace, rows(128)),
    ),
    "qr_dot": Kernel(_DOT, ("qr",), 32, ("x'y",), _dot, rows(32)),
    "qr_solve": Kernel(_SOLVE, ("qr",), 9, ("x0", "x1", "x2"), _solve, rows(9)),
    "qr_givens": Kernel(
        *(_GIVENS, ("qr",), 8, ("c", "s", "r", *"xxxxyyyy"), _givens, rows(8)),
    ),
    "triangular": Kernel(
        *(_TRIANGULAR, ("qr", "cholesky"), 13, ("pivot", "inverse", "positive", *"hhhh", "x")),
        *(_triangular, rows(13)),
    ),
    "linearize": Kernel(
        _LINEARIZE, ("linearize",), 55, _block(16), _fill("linearize"), observations
    ),
    "linearize_own": Kernel(
        _LINEARIZE_OWN, ("linearize",), 55, _block(4), _fill("linearize_own"), observations
    ),
}

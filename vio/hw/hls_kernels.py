# SPDX-License-Identifier: Apache-2.0
"""Kernels of hls/ with their references: how to call both on words, and operands to try them on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit

from vio import fp32, so3_32
from vio.hw.hls import HLS, Words, adapter
from vio.hw.hls_operands import matrices, pairs, vectors


@dataclass(frozen=True)
class Kernel:
    """Hold a DSLX function of words, its reference and its operands.

    body: see `vio.hw.hls.adapter`. results: a name for each word that it gives. reference: fills
    (N, results) uint32 from words (N, inputs). operands: (count, seed) -> words.
    """

    body: str
    imports: tuple[str, ...]
    inputs: int
    results: tuple[str, ...]
    fill: Callable[[np.ndarray, np.ndarray], None]
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
def _exp(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = so3_32.exp_so3(x[i]).ravel()


@njit(cache=True)
def _right_jacobian(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = so3_32.right_jacobian_so3(x[i]).ravel()


@njit(cache=True)
def _inverse_right_jacobian(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = so3_32.inverse_right_jacobian_so3(x[i]).ravel()


@njit(cache=True)
def _log(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = so3_32.log_so3(x[i].copy().reshape(3, 3))


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

KERNELS = {
    "float": Kernel(FLOAT, ("float",), 2, _OPERATIONS, _float, pairs, optimise=True),
    "so3_exp": Kernel(_of_vector("exp"), _SO3, 3, _ENTRIES, _exp, vectors),
    "so3_right_jacobian": Kernel(
        _of_vector("right_jacobian"), _SO3, 3, _ENTRIES, _right_jacobian, vectors
    ),
    "so3_inverse_right_jacobian": Kernel(
        _of_vector("inverse_right_jacobian"), _SO3, 3, _ENTRIES, _inverse_right_jacobian, vectors
    ),
    "so3_log": Kernel(_LOG, _SO3, 9, ("x", "y", "z"), _log, matrices),
}

# SPDX-License-Identifier: Apache-2.0
"""The back end's kernels over batches of operands: one compiled loop a kernel.

Each loop calls a function of float.py, qr.py, cholesky.py, so3.py or linearize.py for every row of
its operands. `vio.float32.kernels.Kernels` runs them; hls/ computes the same words.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from vio.float32 import cholesky, linearize, qr, so3
from vio.float32 import float as fp32

Fill = Callable[[np.ndarray, np.ndarray], None]


@njit(cache=True)
def _add(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = fp32.add(x[i, 0], x[i, 1])


@njit(cache=True)
def _sub(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = fp32.sub(x[i, 0], x[i, 1])


@njit(cache=True)
def _mul(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = fp32.mul(x[i, 0], x[i, 1])


@njit(cache=True)
def _div(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = fp32.div(x[i, 0], x[i, 1])


@njit(cache=True)
def _sqrt(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = fp32.sqrt(x[i, 0])


@njit(cache=True)
def _multiply_add(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = fp32.add(x[i, 0], fp32.mul(x[i, 1], x[i, 2]))


@njit(cache=True)
def _downdate(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = fp32.sub(x[i, 0], fp32.mul(x[i, 1], x[i, 2]))


@njit(cache=True)
def _reflector(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0], out[i, 1], out[i, 2] = qr.reflector(x[i, 0], x[i, 1])


@njit(cache=True)
def _pivot(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0], out[i, 1], _ = cholesky.pivot(x[i, 0])


@njit(cache=True)
def _solve_step(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = qr.solve_step(x[i, 0], x[i, 1], x[i, 2])


@njit(cache=True)
def _linearize(x: np.ndarray, out: np.ndarray) -> None:
    block = np.empty((2, 16), np.float32)
    for i in range(len(x)):
        w = x[i].copy()
        seen = linearize.linearize(w[:12], w[12:24], w[24:50], w[50:53], w[53:55], block)
        out[i, 0] = fp32.from_bits(np.uint32(seen))
        out[i, 1:] = block.ravel()


@njit(cache=True)
def _linearize_own(x: np.ndarray, out: np.ndarray) -> None:
    block = np.empty((2, 4), np.float32)
    for i in range(len(x)):
        w = x[i].copy()
        seen = linearize.linearize_own(w[24:50], w[50:53], w[53:55], block)
        out[i, 0] = fp32.from_bits(np.uint32(seen))
        out[i, 1:] = block.ravel()


@njit(cache=True)
def _exp(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = so3.exp_so3(x[i]).ravel()


@njit(cache=True)
def _log(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = so3.log_so3(x[i].copy().reshape(3, 3))


@njit(cache=True)
def _right_jacobian(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = so3.right_jacobian_so3(x[i]).ravel()


@njit(cache=True)
def _inverse_right_jacobian(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = so3.inverse_right_jacobian_so3(x[i]).ravel()


# Kernel: words in, words out, and its loop.
SIMPLE: dict[str, tuple[int, int, Fill]] = {
    "add": (2, 1, _add),
    "sub": (2, 1, _sub),
    "mul": (2, 1, _mul),
    "div": (2, 1, _div),
    "sqrt": (1, 1, _sqrt),
    "multiply_add": (3, 1, _multiply_add),
    "downdate": (3, 1, _downdate),
    "reflector": (2, 3, _reflector),
    "pivot": (1, 2, _pivot),
    "solve_step": (3, 1, _solve_step),
}
COMPOSITE: dict[str, tuple[int, int, Fill]] = {
    "linearize": (55, 33, _linearize),
    "linearize_own": (55, 9, _linearize_own),
    "so3_exp": (3, 9, _exp),
    "so3_log": (9, 3, _log),
    "so3_right_jacobian": (3, 9, _right_jacobian),
    "so3_inverse_right_jacobian": (3, 9, _inverse_right_jacobian),
}

# SPDX-License-Identifier: Apache-2.0
"""The back end's kernels on batches of lanes, float32, as hls/ computes them to the bit.

`Lanes` is the reference: numba over vio/float32/float.py and the composite kernels' references.
vio/hw/hls/backends.py runs the compiled kernels instead; all else of the back end is the same code.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from vio.float32 import float as fp32
from vio.float32 import qr as qr32

Fill = Callable[[np.ndarray, np.ndarray], None]
Values = np.ndarray | np.float32


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
        out[i, 0], out[i, 1], out[i, 2] = qr32.reflector(x[i, 0], x[i, 1])


@njit(cache=True)
def _pivot(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0], out[i, 1], _ = qr32.cholesky_pivot(x[i, 0])


@njit(cache=True)
def _solve_step(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i, 0] = qr32.solve_step(x[i, 0], x[i, 1], x[i, 2])


# Kernel: words in, words out, and the reference.
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
COMPOSITE = (
    *("linearize", "linearize_own", "so3_exp", "so3_log"),
    *("so3_right_jacobian", "so3_inverse_right_jacobian"),
)


class Lanes:
    """Compute kernels on batches; arrays are float32 and are broadcast against one another.

    calls, lanes: how often each kernel was called, and on how many lanes in all. listener: is told
    of every batch, and of the matrices of which `vio.hw.hls.verify_kernels` makes
    operands of kernels on blocks.
    """

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.lanes: dict[str, int] = {}
        self.listener: Callable[[str, np.ndarray], None] | None = None

    def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results (N, outputs) float32 of a kernel for words (N, inputs)."""
        from vio.hw.hls.kernels import KERNELS

        if kernel in SIMPLE:
            _, outputs, fill = SIMPLE[kernel]
        else:
            outputs, fill = len(KERNELS[kernel].results), KERNELS[kernel].fill
        out = np.zeros((len(words), outputs), np.float32)
        fill(words, out)
        return out

    def batch(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results (N, outputs) for words (N, inputs), counted and told the listener."""
        words = np.ascontiguousarray(words, np.float32)
        self.calls[kernel] = self.calls.get(kernel, 0) + 1
        self.lanes[kernel] = self.lanes.get(kernel, 0) + len(words)
        if self.listener is not None:
            self.listener(kernel, words)
        return self.run(kernel, words)

    def _map(self, kernel: str, *arrays: Values) -> np.ndarray:
        """Return the results of a kernel with scalar operands, (..., outputs)."""
        operands = np.broadcast_arrays(*arrays)
        shape = operands[0].shape
        words = np.empty((operands[0].size, len(operands)), np.float32)
        for k, operand in enumerate(operands):
            words[:, k] = operand.ravel()
        out = self.batch(kernel, words) if len(words) else np.zeros((0, 3), np.float32)
        return out.reshape(*shape, -1) if len(words) else np.zeros((*shape, 3), np.float32)

    def add(self, x: Values, y: Values) -> np.ndarray:
        """Return x + y."""
        return self._map("add", x, y)[..., 0]

    def sub(self, x: Values, y: Values) -> np.ndarray:
        """Return x - y."""
        return self._map("sub", x, y)[..., 0]

    def mul(self, x: Values, y: Values) -> np.ndarray:
        """Return x y."""
        return self._map("mul", x, y)[..., 0]

    def div(self, x: Values, y: Values) -> np.ndarray:
        """Return x / y."""
        return self._map("div", x, y)[..., 0]

    def sqrt(self, x: Values) -> np.ndarray:
        """Return the square root."""
        return self._map("sqrt", x)[..., 0]

    def multiply_add(self, total: Values, a: Values, b: Values) -> np.ndarray:
        """Return total + a b, rounded twice."""
        return self._map("multiply_add", total, a, b)[..., 0]

    def downdate(self, total: Values, a: Values, b: Values) -> np.ndarray:
        """Return total - a b, rounded twice."""
        return self._map("downdate", total, a, b)[..., 0]

    def reflector(
        self, alpha: np.ndarray, norm2: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (beta, v0, t) of columns, as `vio.float32.qr.reflector`."""
        out = self._map("reflector", alpha, norm2)
        return out[..., 0], out[..., 1], out[..., 2]

    def pivot(self, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the root of d and its reciprocal."""
        out = self._map("pivot", d)
        return out[..., 0], out[..., 1]

    def solve_step(self, b: np.ndarray, total: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        """Return (b - total) / diagonal."""
        return self._map("solve_step", b, total, diagonal)[..., 0]

    def rotations(self, kernel: str, vectors: np.ndarray) -> np.ndarray:
        """Return (N, 3, 3) of vectors (N, 3): so3_exp or one of its Jacobians."""
        return self.batch(kernel, vectors).reshape(-1, 3, 3)

    def log_so3(self, R: np.ndarray) -> np.ndarray:
        """Return the rotation vectors (N, 3) of rotations (N, 3, 3)."""
        return self.batch("so3_log", R.reshape(-1, 9))

    # Sums in a fixed order ----------------------------------------------------------------------

    def matmul(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """Return A B for stacks (..., n, k) and (..., k, m), summed up in order of k."""
        total = self.mul(A[..., :, 0, None], B[..., None, 0, :])
        for k in range(1, A.shape[-1]):
            total = self.multiply_add(total, A[..., :, k, None], B[..., None, k, :])
        return total

    def matvec(self, A: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return A x for stacks (..., n, k) and (..., k)."""
        return self.matmul(A, x[..., :, None])[..., 0]

    def rows_sum(self, weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the sum of weights (n,) times rows (n, w): eight partial sums, then a tree."""
        n, width = rows.shape
        padded = -(-max(n, 1) // 8) * 8
        w, r = np.zeros(padded, np.float32), np.zeros((padded, width), np.float32)
        w[:n], r[:n] = weights, rows
        total = self.mul(w[:8, None], r[:8])
        for k in range(8, padded, 8):
            total = self.multiply_add(total, w[k : k + 8, None], r[k : k + 8])
        while len(total) > 1:
            total = self.add(total[: len(total) // 2], total[len(total) // 2 :])
        return total[0]

    def total(self, x: np.ndarray) -> np.float32:
        """Return the sum of x (n,)."""
        return np.float32(self.rows_sum(np.ones(len(x), np.float32), x[:, None])[0])

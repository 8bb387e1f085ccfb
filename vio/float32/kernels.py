# SPDX-License-Identifier: Apache-2.0
"""The back end's vectorised kernels in float32, bit-exact with hls/.

`Kernels` is the reference: the compiled loops of vio/float32/batches.py. vio/hw/hls/backends.py
runs what XLS compiles instead; all else of the back end is the same code.
"""

from collections.abc import Callable

import numpy as np

from vio.float32.batches import COMPOSITE, SIMPLE

Values = np.ndarray | np.float32


class Kernels:
    """Compute kernels on batches; arrays are float32 and are broadcast against one another.

    calls, operands: how often each kernel was called, and on how many operands in all. trace: a
    trace point that receives every batch, and the matrices of which `vio.hw.hls.verify_kernels`
    makes operands of the kernels on blocks.
    """

    dtype: type = np.float32  # of values, and of what `less` returns
    condition: type = bool

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.operands: dict[str, int] = {}
        self.trace: Callable[[str, np.ndarray], None] | None = None

    def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results (N, outputs) float32 of a kernel for words (N, inputs)."""
        _, outputs, fill = SIMPLE[kernel] if kernel in SIMPLE else COMPOSITE[kernel]
        out = np.zeros((len(words), outputs), np.float32)
        fill(words, out)
        return out

    def batch(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results (N, outputs) for words (N, inputs), counted and traced."""
        words = np.ascontiguousarray(words, np.float32)
        self.calls[kernel] = self.calls.get(kernel, 0) + 1
        self.operands[kernel] = self.operands.get(kernel, 0) + len(words)
        if self.trace is not None:
            self.trace(kernel, words)
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

    def linearized(
        self, kernel: str, operands: np.ndarray, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which are in front, and the rows (N, 2, width) of `linearize` or its `_own`."""
        if not len(operands):
            return np.zeros(0, bool), np.zeros((0, 2, width), operands.dtype)
        out = self.batch(kernel, operands)
        return out.view(np.uint32)[:, 0] == 1, out[:, 1:].reshape(-1, 2, width).copy()

    # Choices by value ---------------------------------------------------------------------------

    def less(self, x: Values, y: Values) -> np.ndarray:
        """Return whether x < y; false when either is NaN."""
        return np.less(x, y)

    def where(self, condition: np.ndarray, x: Values, y: Values) -> np.ndarray:
        """Return x where the condition holds, else y, untouched."""
        return np.where(condition, x, y)

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

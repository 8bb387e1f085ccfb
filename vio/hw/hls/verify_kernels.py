# SPDX-License-Identifier: Apache-2.0
"""What the back end's kernels were given in a run, and their proof on it: `vio hw hls backend`.

The driver calls the operations of a Householder step or of a Cholesky column one by one, over whole
matrices. What the kernels on blocks (`BLOCKS`) are given here are parts of those matrices.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vio.datasets.base import Dataset
from vio.errors import VioError
from vio.float32.kernels import COMPOSITE, SIMPLE, Kernels
from vio.hw.hls.kernels import KERNELS as HLS_KERNELS
from vio.hw.hls.operand_files import load_operands
from vio.odometry import Odometry, run

BLOCKS = (
    *("qr_householder", "qr_nullspace", "qr_dot", "qr_givens", "qr_solve"),
    "triangular",
)
KERNELS = (*SIMPLE, *COMPOSITE, *BLOCKS)
WIDTH = ROWS = 4  # of a step's block; a landmark has as many rows in a frame
TERMS = 16  # of a dot product
MOST = 20_000  # operands that are kept of a kernel


Operands = dict[str, np.ndarray]


def _of_landmarks(rays: np.ndarray) -> Operands:
    """Return operands of rays (O, 2, 16) one after another: the rows of four at a time."""
    blocks = rays[: len(rays) // ROWS * ROWS].reshape(-1, 2 * ROWS, rays.shape[2])
    return {
        "qr_householder": blocks[:, :ROWS, :WIDTH].reshape(len(blocks), ROWS * WIDTH),
        "qr_nullspace": blocks.reshape(len(blocks), -1),
    }


def _of_systems(A: np.ndarray) -> Operands:
    """Return operands of normal equations beside their right side, and of their decomposition.

    A: (2, n, n + 1). Columns and triangles of some places of the diagonal.
    """
    H, U = A
    n = len(H)
    out: dict[str, list[np.ndarray]] = {"triangular": [], "qr_solve": [], "solve_step": []}
    i, j = np.triu_indices(3)
    for k in range(0, n - WIDTH - 1, WIDTH):
        row, below = H[k, k + 1 :], H[k + 1, k + 1 :]
        # The next unknown: (b - row[0] y) / diagonal, b and y in the last column.
        unknown = [below[-1], row[0] * row[-1], below[0]]
        words = [H[k, k], row[0], *below[:WIDTH], *row[:WIDTH], *unknown]
        out["triangular"].append(np.array(words, np.float32))
        out["solve_step"].append(np.array([U[k, -1], U[k, k + 1] * U[k + 1, -1], U[k, k]]))
        out["qr_solve"].append(np.concatenate([U[k + i, k + j], U[k : k + 3, -1]]))
    return {name: np.array(words, np.float32) for name, words in out.items() if words}


def _of_rows(A: np.ndarray) -> Operands:
    """Return operands of a step of a QR decomposition: the first rows of A (m >= 2, w >= 4)."""
    columns = np.zeros((2, TERMS), np.float32)
    below = A[1 : 1 + TERMS]
    columns[:, : len(below)] = below[:, :2].T
    out = {"qr_givens": A[:2, :WIDTH].reshape(1, -1), "qr_dot": columns.reshape(1, -1)}
    if len(A) >= ROWS:
        out["qr_householder"] = A[:ROWS, :WIDTH].reshape(1, -1)
    return out


_PARTS: dict[str, Callable[[np.ndarray], Operands]] = {
    "landmarks": _of_landmarks,
    "rows": _of_rows,
    "systems": _of_systems,
}


class _Recorder:
    """Keep operands of each kernel: a batch in so many, so that all of a run is represented."""

    def __init__(self) -> None:
        self.kept: dict[str, list[np.ndarray]] = {name: [] for name in KERNELS}
        self.every = dict.fromkeys(KERNELS, 1)
        self.calls = dict.fromkeys(KERNELS, 0)

    def __call__(self, kernel: str, words: np.ndarray) -> None:
        if kernel in _PARTS:
            for name, part in _PARTS[kernel](words).items():
                self(name, np.ascontiguousarray(part, np.float32))
            return
        if not len(words):
            return
        self.calls[kernel] += 1
        if self.calls[kernel] % self.every[kernel] == 0:
            self.kept[kernel].append(words.view(np.uint32)[-100:].copy())
            if sum(map(len, self.kept[kernel])) > MOST:  # half of them, from now on half as often
                self.kept[kernel] = self.kept[kernel][::2]
                self.every[kernel] *= 2


def record(
    dataset: Dataset, odometry: Odometry, kernels: Kernels, until_ns: int | None = None
) -> Operands:
    """Return {kernel: operands (N, inputs) uint32} of a run.

    odometry: one that computes by `kernels`, the references.
    """
    recorder = _Recorder()
    kernels.trace = recorder
    for _ in run(dataset, odometry, until_ns):
        pass
    return {name: np.concatenate(words) for name, words in recorder.kept.items() if words}


def load(path: Path) -> Operands:
    """Return what `record` gave, from an .npz file; raises VioError for another one."""
    found = load_operands(path)
    unknown = set(found) - set(KERNELS)
    if unknown or not found:
        raise VioError(f"{path} holds {sorted(unknown) or 'nothing'}: no operands of the back end")
    for name, words in found.items():
        inputs = SIMPLE[name][0] if name in SIMPLE else HLS_KERNELS[name].inputs
        if words.ndim != 2 or words.shape[1] != inputs or words.dtype != np.uint32:
            raise VioError(
                f"{path}: {name} is {words.shape} {words.dtype}, not (N, {inputs}) uint32"
            )
    return found


def differences(given: Operands, kernels: Kernels) -> dict[str, int]:
    """Return how many operands of each kernel give another result than the reference's."""
    out = {}
    for name, words in given.items():
        floats = np.ascontiguousarray(words).view(np.float32)
        expected = (
            HLS_KERNELS[name].reference(words)
            if name in BLOCKS
            else Kernels().run(name, floats).view(np.uint32)
        )
        got = kernels.run(name, floats).view(np.uint32)
        out[name] = int(np.count_nonzero(np.any(got != expected, axis=1)))
    return out

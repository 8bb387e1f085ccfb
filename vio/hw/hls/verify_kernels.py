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


def _of_landmarks(A: np.ndarray) -> Operands:
    """Return operands of landmarks (L, 4 F, 16): the rows of the first two frames that see each."""
    blocks = A.reshape(len(A), -1, ROWS, A.shape[2])
    seen = np.any(blocks != 0, axis=(2, 3))
    k = np.flatnonzero(np.count_nonzero(seen, axis=1) > 1)
    first = np.argsort(~seen[k], axis=1, kind="stable")[:, :2]
    pairs = blocks[k[:, None], first]
    return {
        "qr_householder": pairs[:, 0, :, :WIDTH].reshape(len(k), ROWS * WIDTH),
        "qr_nullspace": pairs.reshape(len(k), -1),
    }


def _of_triangles(A: np.ndarray) -> Operands:
    """Return operands of landmarks' triangles beside their right sides (L, 3, 4)."""
    i, j = np.triu_indices(3)
    return {"qr_solve": np.concatenate([A[:, i, j], A[:, :, 3]], axis=1)}


def _of_rows(A: np.ndarray) -> Operands:
    """Return operands of a step of a QR decomposition: the first rows of A (m >= 2, w)."""
    if A.shape[1] < WIDTH:
        return {}
    columns = np.zeros((2, TERMS), np.float32)
    below = A[1 : 1 + TERMS]
    columns[:, : len(below)] = below[:, :2].T
    out = {"qr_givens": A[:2, :WIDTH].reshape(1, -1), "qr_dot": columns.reshape(1, -1)}
    if len(A) >= ROWS:
        out["qr_householder"] = A[:ROWS, :WIDTH].reshape(1, -1)
    return out


def _of_column(A: np.ndarray) -> Operands:
    """Return operands of a column of Cholesky: A (3, w) its row, the row below, its pivot."""
    row, below, pivot = A[0], A[1, :-1], A[2, 0]
    if len(below) < WIDTH:
        return {}
    # The next unknown: (b - row[0] y) / diagonal, b and y in the last column.
    unknown = [A[1, -1], row[0] * row[-1], below[0]]
    words = [pivot, row[0], *below[:WIDTH], *row[:WIDTH], *unknown]
    return {"triangular": np.array([words], np.float32)}


_PARTS: dict[str, Callable[[np.ndarray], Operands]] = {
    "landmarks": _of_landmarks,
    "triangles": _of_triangles,
    "rows": _of_rows,
    "column": _of_column,
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

# SPDX-License-Identifier: Apache-2.0
"""Axes of a sensor against those that its data should have: signed permutations and rotations."""

import itertools

import numpy as np

RATIO = 0.5  # of the error as given that another reading must fall below


def _signed_permutations() -> np.ndarray:
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            X = np.zeros((3, 3))
            X[range(3), order] = signs
            found.append(X)
    # Rotations first, then those that change the fewest axes: the first of equal ones is taken.
    found.sort(key=lambda X: (np.linalg.det(X) < 0.0, 3.0 - np.trace(X)))
    return np.array(found)


SIGNED_PERMUTATIONS = _signed_permutations()  # (48, 3, 3), the identity first


def axes_text(X: np.ndarray) -> str:
    """Return how the rows of a signed permutation (3, 3) read: "(-y, x, z)"."""
    parts = []
    for row in X:
        k = int(np.argmax(np.abs(row)))
        parts.append(("-" if row[k] < 0.0 else "") + "xyz"[k])
    return f"({', '.join(parts)})"


def best_rotation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the rotation X (3, 3) that minimises |b - X a| over vectors (N, 3).

    Source: Kabsch, "A solution for the best rotation to relate two sets of vectors", 1976.
    """
    U, _, Vt = np.linalg.svd(b.T @ a)
    D = np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    return U @ D @ Vt


def angle_deg(X: np.ndarray) -> float:
    """Return the angle of a rotation (3, 3), degrees."""
    return float(np.degrees(np.arccos(np.clip(0.5 * (np.trace(X) - 1.0), -1.0, 1.0))))


def rms(x: np.ndarray) -> float:
    """Return the root mean square length of vectors (N, 3)."""
    return float(np.sqrt(np.mean(np.sum(x * x, axis=-1))))

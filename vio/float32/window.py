# SPDX-License-Identifier: Apache-2.0
"""The sliding window whose arithmetic is that of hls/: setting backend.arithmetic.

States, landmarks and rows are those of `Window` in float32; linearising, eliminating, solving,
updating and marginalising are calls of kernels (vio/float32/kernels.py). What only looks at the
window (outliers, triangulation, the covariance that is reported) stays as it is.
"""

from dataclasses import replace

import numpy as np

from vio.backend.landmarks import VisualArrays
from vio.backend.states import FULL_COLUMNS
from vio.backend.window import ImuFactor, Window
from vio.camera import StereoRig
from vio.config import BackEndConfig
from vio.errors import VioError
from vio.float32.inertial import imu_rows, local_difference, retract
from vio.float32.kernels import Kernels
from vio.float32.landmarks import LandmarkBlocks, reduced_rows
from vio.float32.solve import add_products, solve_normal, triangularize
from vio.imu import ImuNoise


class Window32(Window):
    """Hold the window; optimise it by kernels."""

    def __init__(
        self,
        rig: StereoRig,
        noise: ImuNoise,
        config: BackEndConfig,
        capacity: int,
        kernels: Kernels,
    ) -> None:
        super().__init__(rig, noise, replace(config, precision="float32"), capacity)
        if config.solver != "cholesky":
            raise VioError(
                f"backend.solver {config.solver!r} has no kernels; set backend.solver=cholesky, or "
                "backend.arithmetic=float"
            )
        self.kernels = kernels
        self._blocks: LandmarkBlocks | None = None

    def imu_rows(self, factor: ImuFactor) -> tuple[np.ndarray, np.ndarray]:
        """Return the whitened Jacobian (15, 30) at the first estimates and residual (15,)."""
        J, r = imu_rows(self.kernels, self, [factor])
        return J[0], r[0]

    def local_difference(self, slots: np.ndarray, dims: np.ndarray) -> np.ndarray:
        """Return the difference (n,) of the states in `slots` from their first estimates."""
        return local_difference(self.kernels, self, slots, dims)

    def matvec(self, A: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return A x."""
        return self.kernels.matvec(A, x)

    def linearize(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the reduced normal equations H (upper triangle), g, and the cost.

        Moves the linearisation points of free states to their current values first.
        """
        self.refresh_linearization_points()
        slots, dims, col_of_slot = self.columns()
        n = int(dims.sum())
        Hg = np.zeros(n * n + n, np.float32)
        first = col_of_slot[slots]
        rows = self.active_rows()
        self._blocks = LandmarkBlocks(
            self.kernels, rows, self.rig, self.visual_arrays(slots), self.linearized
        )
        self._blocks.add_normal(Hg, first, n)
        squares = []
        if self.factors:
            J, r = imu_rows(self.kernels, self, self.factors)
            for f, J_f, r_f in zip(self.factors, J, r, strict=True):
                cols = np.concatenate(
                    [col_of_slot[s] + np.arange(FULL_COLUMNS) for s in (f.slot_i, f.slot_j)]
                )
                add_products(self.kernels, Hg, J_f, r_f, cols, n)
                squares.append(r_f)
        if self.prior is not None:
            p, r = self.prior, self.prior_residual()
            cols = np.concatenate(
                [col_of_slot[s] + np.arange(d) for s, d in zip(p.slots, p.dims, strict=True)]
            )
            add_products(self.kernels, Hg, p.J, r, cols, n)
            squares.append(r)
        cost = self._blocks.seen.cost
        if squares:
            all_r = np.concatenate(squares)
            half = np.full(len(all_r), 0.5, np.float32)
            other = self.kernels.rows_sum(self.kernels.mul(half, all_r), all_r[:, None])
            cost = self.kernels.add(np.array([cost]), other)[0]
        return Hg[: n * n].reshape(n, n), Hg[n * n :], float(cost)

    def _solve(self, H: np.ndarray, g: np.ndarray, damping: float) -> tuple[bool, np.ndarray]:
        return solve_normal(self.kernels, H, g, damping)

    def _retract(self, slots: np.ndarray, dims: np.ndarray, dx: np.ndarray) -> None:
        retract(self.kernels, self, slots, dims, dx)

    def _substitute(self, rows: np.ndarray, dx: np.ndarray, col_of_slot: np.ndarray) -> None:
        assert self._blocks is not None
        self._blocks.substitute(dx, col_of_slot[self._blocks.slots], self.lm)

    def reduced_rows(
        self,
        rows: np.ndarray,
        visual: VisualArrays,
        col_of_slot: np.ndarray,
        out: np.ndarray,
        start: int,
    ) -> int:
        """Write the landmark-free rows of all blocks in `rows` to out (M, n + 1) from `start`."""
        return reduced_rows(
            self.kernels, rows, self.rig, visual, self.linearized, col_of_slot, out, start
        )

    def triangularize(self, A: np.ndarray, rows: int, columns: int) -> None:
        """Make the first `columns` columns of A[:rows] upper triangular, in place."""
        triangularize(self.kernels, A, rows, columns)

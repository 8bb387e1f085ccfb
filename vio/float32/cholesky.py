# SPDX-License-Identifier: Apache-2.0
"""The steps of a Cholesky decomposition H = U'U in float32, bit-exact with hls/cholesky.x.

Every step is one of vio/float32/float.py, in the order of the DSLX. Source: Golub and Van Loan,
"Matrix Computations", 4th ed., 4.2.
"""

import numpy as np
from numba import njit

from vio.float32.float import div, lt, mul, sqrt, sub

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@njit(cache=True)
def pivot(d: np.float32) -> tuple[np.float32, np.float32, bool]:
    """Return (u, 1 / u, whether d > 0) with u = sqrt(d)."""
    u = sqrt(d)
    return u, div(_ONE, u), lt(_ZERO, d)


@njit(cache=True)
def downdate(h: np.ndarray, a: np.float32, b: np.ndarray) -> None:
    """Subtract a b from h, both (width,), in place."""
    for k in range(len(h)):
        h[k] = sub(h[k], mul(a, b[k]))

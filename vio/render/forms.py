# SPDX-License-Identifier: Apache-2.0
"""Linear forms of rectangles under rays, and which of them a box of rays can hit.

A rectangle seen at one instant is five numbers linear in the ray (x, y, 1): the inverse depth W,
and U = u W, V = v W with (u, v) the place on the rectangle. A sample hits where 0 < W and
0 <= U, V <= W; the largest W is nearest. Boxes of rays bound these forms by interval arithmetic
over the box and the exposure, and boxes around the corners bound the rectangle's own rays.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def make_forms(
    quad: np.ndarray,
    owner: np.ndarray,
    owner_R: np.ndarray,
    owner_p: np.ndarray,
    cam_R: np.ndarray,
    cam_p: np.ndarray,
) -> np.ndarray:
    """Return the linear forms (S, Q, 12) of Q rectangles seen from S camera poses.

    quad: (Q, 9), corner, u edge, v edge in the owner's frame. owner: (Q,). owner_R (S, O, 3, 3),
    owner_p (S, O, 3): owners in the world. cam_R (S, 3, 3), cam_p (S, 3): camera in the world.
    Forms: [U(3), V(3), W(3), distance to the plane, |det| of the map, 0]; W = -1 from behind.
    """
    S, Q = cam_R.shape[0], quad.shape[0]
    out = np.zeros((S, Q, 12))
    e = np.empty((3, 3))
    c = np.empty(3)
    for s in range(S):
        for q in range(Q):
            o = owner[q]
            for part in range(3):
                for i in range(3):
                    acc = 0.0
                    for j in range(3):
                        acc += owner_R[s, o, i, j] * quad[q, 3 * part + j]
                    e[part, i] = acc
            for i in range(3):
                c[i] = cam_p[s, i] - e[0, i] - owner_p[s, o, i]
            n0 = e[1, 1] * e[2, 2] - e[1, 2] * e[2, 1]
            n1 = e[1, 2] * e[2, 0] - e[1, 0] * e[2, 2]
            n2 = e[1, 0] * e[2, 1] - e[1, 1] * e[2, 0]
            area = math.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
            h = (n0 * c[0] + n1 * c[1] + n2 * c[2]) / area
            if h < 1e-4:
                out[s, q, 8] = -1.0
                continue
            lu = e[1, 0] * e[1, 0] + e[1, 1] * e[1, 1] + e[1, 2] * e[1, 2]
            lv = e[2, 0] * e[2, 0] + e[2, 1] * e[2, 1] + e[2, 2] * e[2, 2]
            au = (e[1, 0] * c[0] + e[1, 1] * c[1] + e[1, 2] * c[2]) / lu
            av = (e[2, 0] * c[0] + e[2, 1] * c[1] + e[2, 2] * c[2]) / lv
            for j in range(3):
                r0, r1, r2 = cam_R[s, 0, j], cam_R[s, 1, j], cam_R[s, 2, j]
                w = -(n0 * r0 + n1 * r1 + n2 * r2) / (area * h)
                out[s, q, 6 + j] = w
                out[s, q, j] = au * w + (e[1, 0] * r0 + e[1, 1] * r1 + e[1, 2] * r2) / lu
                out[s, q, 3 + j] = av * w + (e[2, 0] * r0 + e[2, 1] * r1 + e[2, 2] * r2) / lv
            out[s, q, 9] = h
            out[s, q, 10] = 1.0 / (area * h)
    return out


@njit(cache=True, nogil=True)
def make_bounds(forms: np.ndarray) -> np.ndarray:
    """Return (Q, 5, 6): W, U, W - U, V, W - V over the exposure, each positive where it is hit.

    Each is the mean coefficients (3) of the first, middle and last slot, and by how much (3) a
    slot differs from them. forms: (S, Q, 12) of make_forms.
    """
    S, Q = forms.shape[0], forms.shape[1]
    out = np.empty((Q, 5, 6))
    slots = (0, S // 2, S - 1)
    value = np.empty(3)
    for q in range(Q):
        for k in range(5):
            for j in range(3):
                for m in range(3):
                    f = forms[slots[m], q]
                    w, a = f[6 + j], f[j] if k < 3 else f[3 + j]
                    value[m] = w if k == 0 else (a if k % 2 == 1 else w - a)
                mean = (value[0] + value[1] + value[2]) / 3.0
                out[q, k, j] = mean
                out[q, k, 3 + j] = max(
                    abs(value[0] - mean), abs(value[1] - mean), abs(value[2] - mean)
                )
    return out


@njit(cache=True, nogil=True)
def make_outlines(forms: np.ndarray) -> np.ndarray:
    """Return ray boxes (Q, 4), centre and half sides, around rectangles over the exposure.

    A corner is the ray on which two of its linear forms vanish. The box of a rectangle that is
    not in front of the camera with all corners in all slots has no bounds. forms: (S, Q, 12).
    """
    S, Q = forms.shape[0], forms.shape[1]
    out = np.zeros((Q, 4))
    a, b = np.empty(3), np.empty(3)
    for q in range(Q):
        x0, x1, y0, y1 = 1e30, -1e30, 1e30, -1e30
        for slot in range(4 * S):
            f, corner = forms[slot // 4, q], slot % 4
            for j in range(3):
                a[j] = f[6 + j] - f[j] if corner & 1 else f[j]
                b[j] = f[6 + j] - f[3 + j] if corner & 2 else f[3 + j]
            dx = a[1] * b[2] - a[2] * b[1]
            dy = a[2] * b[0] - a[0] * b[2]
            dz = a[0] * b[1] - a[1] * b[0]
            if abs(dz) <= 1e-9 * (abs(dx) + abs(dy)):
                x1 = 1e30
                break
            x, y = dx / dz, dy / dz
            if f[6] * x + f[7] * y + f[8] <= 0.0:
                x1 = 1e30
                break
            x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
        if x1 < 1e30:
            # Samples are placed with single precision.
            out[q, 0], out[q, 2] = (x0 + x1) / 2, (x1 - x0) / 2 + 1e-6 * (1.0 + max(-x0, x1))
            out[q, 1], out[q, 3] = (y0 + y1) / 2, (y1 - y0) / 2 + 1e-6 * (1.0 + max(-y0, y1))
        else:
            out[q, 2] = out[q, 3] = 1e30
    return out


@njit(cache=True, nogil=True)
def bound(
    bounds: np.ndarray, q: int, x: float, y: float, hx: float, hy: float
) -> tuple[float, float, bool]:
    """Return (largest W, smallest W, covers) of a rectangle over a ray box and the exposure.

    The largest W is -1 when the rectangle cannot be hit from the box.
    """
    covers = True
    top_w, low_w = -1.0, -1.0
    for k in range(5):
        f = bounds[q, k]
        mid = f[0] * x + f[1] * y + f[2]
        half = abs(f[0]) * hx + abs(f[1]) * hy
        half += f[3] * (abs(x) + hx) + f[4] * (abs(y) + hy) + f[5]
        if mid + half <= 0.0:
            return -1.0, -1.0, False
        if mid - half <= 0.0:
            covers = False
        if k == 0:
            top_w, low_w = mid + half, mid - half
    return top_w, low_w, covers


@njit(cache=True, nogil=True)
def candidates(
    bounds: np.ndarray,
    outlines: np.ndarray,
    pool: np.ndarray,
    n_pool: int,
    box: np.ndarray,
    out: np.ndarray,
    nearest: np.ndarray,
) -> tuple[int, bool]:
    """Fill `out` with the rectangles a ray box can hit, nearest first; return (count, single).

    bounds: (Q, 5, 6) of make_bounds. outlines: (Q, 4) of make_outlines. Together they separate a
    box from a rectangle along the sides of both. box: (x, y, half x, half y). nearest: (Q,)
    scratch, receives each one's largest W. single: the only candidate covers the whole box during
    the whole exposure.
    """
    n = 0
    wall = -1.0
    wall_q = -1
    for i in range(n_pool):
        q = pool[i]
        o = outlines[q]
        if abs(box[0] - o[0]) > box[2] + o[2] or abs(box[1] - o[1]) > box[3] + o[3]:
            continue
        top, low, covers = bound(bounds, q, box[0], box[1], box[2], box[3])
        if top <= wall:
            continue
        if covers and low > wall:
            wall = low
            wall_q = q
        nearest[q] = top
        j = n
        while j > 0 and nearest[out[j - 1]] < top:
            out[j] = out[j - 1]
            j -= 1
        out[j] = q
        n += 1
    while n > 0 and nearest[out[n - 1]] < wall:
        n -= 1
    return n, n == 1 and out[0] == wall_q


@njit(cache=True, nogil=True)
def hull(boxes: np.ndarray) -> np.ndarray:
    """Return the box (x, y, half x, half y) around boxes (rows, cols, 4)."""
    x0, x1, y0, y1 = 1e30, -1e30, 1e30, -1e30
    for r in range(boxes.shape[0]):
        for c in range(boxes.shape[1]):
            x0 = min(x0, boxes[r, c, 0] - boxes[r, c, 2])
            x1 = max(x1, boxes[r, c, 0] + boxes[r, c, 2])
            y0 = min(y0, boxes[r, c, 1] - boxes[r, c, 3])
            y1 = max(y1, boxes[r, c, 1] + boxes[r, c, 3])
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2])

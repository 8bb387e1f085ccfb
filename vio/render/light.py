# SPDX-License-Identifier: Apache-2.0
"""Light that falls on a face: ambient, and lamps with the shadows of other faces."""

import math

import numpy as np
from numba import njit

POINTS_OFF_M = 0.01  # at most, of the points from their face


@njit(cache=True, nogil=True)
def _shadowers(
    centre: np.ndarray, reach: float, lamp: np.ndarray, spheres: np.ndarray, out: np.ndarray
) -> int:
    """Fill `out` with the spheres (Q, 4) that touch the light's way to a face; return the count."""
    n = 0
    ax, ay, az = lamp[0] - centre[0], lamp[1] - centre[1], lamp[2] - centre[2]
    length2 = ax * ax + ay * ay + az * az + 1e-12
    for q in range(len(spheres)):
        bx, by, bz = (
            spheres[q, 0] - centre[0],
            spheres[q, 1] - centre[1],
            spheres[q, 2] - centre[2],
        )
        t = min(1.0, max(0.0, (ax * bx + ay * by + az * bz) / length2))
        ex, ey, ez = bx - t * ax, by - t * ay, bz - t * az
        limit = spheres[q, 3] + reach * (1.0 - t)
        if ex * ex + ey * ey + ez * ez <= limit * limit:
            out[n] = q
            n += 1
    return n


@njit(cache=True, nogil=True)
def bake_face(
    points: np.ndarray,
    normal: np.ndarray,
    centre: np.ndarray,
    reach: float,
    lamps: np.ndarray,
    ambient: float,
    quad: np.ndarray,
    spheres: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the light at a face's points (N, 3): ambient plus shadowed Lambert light of lamps.

    lamps: (L, 4), position and power. quad (Q, 9), spheres (Q, 4): what casts shadows, bounds.
    """
    out[:] = ambient * (0.7 + 0.3 * normal[2])
    casts = np.empty(len(quad), np.int64)
    for k in range(len(lamps)):
        # No point of the face sees a lamp behind it, or one that is too far to matter.
        ax, ay, az = lamps[k, 0] - centre[0], lamps[k, 1] - centre[1], lamps[k, 2] - centre[2]
        if ax * normal[0] + ay * normal[1] + az * normal[2] <= 0.0:
            continue
        near = max(0.0, math.sqrt(ax * ax + ay * ay + az * az) - reach - POINTS_OFF_M)
        if lamps[k, 3] / (near * near + 3.0) < 0.02 * ambient:
            continue
        count = _shadowers(centre, reach, lamps[k], spheres, casts)
        for i in range(len(points)):
            px, py, pz = points[i, 0], points[i, 1], points[i, 2]
            dx, dy, dz = lamps[k, 0] - px, lamps[k, 1] - py, lamps[k, 2] - pz
            d2 = dx * dx + dy * dy + dz * dz
            cosine = (dx * normal[0] + dy * normal[1] + dz * normal[2]) / math.sqrt(d2)
            if cosine <= 0.0:
                continue
            gain = lamps[k, 3] * cosine / (d2 + 3.0)
            if gain < 0.02 * ambient:
                continue
            lit = True
            for m in range(count):
                q = casts[m]
                ux, uy, uz = quad[q, 3], quad[q, 4], quad[q, 5]
                vx, vy, vz = quad[q, 6], quad[q, 7], quad[q, 8]
                nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
                den = nx * dx + ny * dy + nz * dz
                if abs(den) < 1e-12:
                    continue
                ox, oy, oz = quad[q, 0] - px, quad[q, 1] - py, quad[q, 2] - pz
                t = (nx * ox + ny * oy + nz * oz) / den
                if t < 1e-3 or t > 0.999:
                    continue
                hx, hy, hz = t * dx - ox, t * dy - oy, t * dz - oz
                a = (hx * ux + hy * uy + hz * uz) / (ux * ux + uy * uy + uz * uz)
                if a < 0.0 or a > 1.0:
                    continue
                b = (hx * vx + hy * vy + hz * vz) / (vx * vx + vy * vy + vz * vz)
                if 0.0 <= b <= 1.0:
                    lit = False
                    break
            if lit:
                out[i] += gain

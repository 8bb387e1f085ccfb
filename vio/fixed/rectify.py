# SPDX-License-Identifier: Apache-2.0
"""Points through the lens and back, and through rotations, in integers.

The radial part of the distortion is a table over the squared radius, both ways, so that any radial
model fits; the tangential part is a polynomial. A pixel is sQ10.8, a ray sQ1.16.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from vio.camera import Camera, distort
from vio.config import HwConfig
from vio.errors import VioError
from vio.fixed import formats as sig
from vio.fixed.qformat import HIGH, bit_length, divide, narrow, round_shift, sq, uq

# Registers of one camera.
INV_FX, INV_FY, FX, FY, CX, CY, P1, P2, INVERSE_SHIFT, FORWARD_SHIFT, WIDTH, HEIGHT = range(12)
_INV_FOCAL_FRAC = 25
_LEAST_FOCAL = 128  # pixels; the reciprocal of a shorter one does not fit
_TANGENTIAL_FRAC = 24
LONGEST_RAY = 1.99  # words of rays and squared radii end at 2 and 4: 63 degrees off the axis
_LEAST_DEPTH = 6553  # 0.1, of a rotated ray; nearer to the plane of the lens it has no pixel


class LensRegisters(NamedTuple):
    """Hold what the host writes for one camera.

    values: (12,) int64, in the order of the constants above. inverse, forward: (table + 1,) int64,
    undistorted over distorted radius and the reverse, uQ2.16, over the squared distorted and
    undistorted radius in steps of 2^INVERSE_SHIFT and 2^FORWARD_SHIFT.
    """

    values: np.ndarray
    inverse: np.ndarray
    forward: np.ndarray


def _check_reach(camera: Camera) -> None:
    """Raise VioError for a lens that sees farther off its axis than rays reach."""
    u, v = np.arange(camera.width + 1.0), np.arange(camera.height + 1.0)
    sides = [np.column_stack([u, np.full_like(u, y)]) for y in (0.0, camera.height)]
    sides += [np.column_stack([np.full_like(v, x), v]) for x in (0.0, camera.width)]
    longest = float(np.nanmax(np.hypot(*camera.unproject(np.concatenate(sides)).T), initial=0.0))
    if longest > LONGEST_RAY:
        angle, bound = (math.degrees(math.atan(x)) for x in (longest, LONGEST_RAY))
        raise VioError(
            f"the lens sees {angle:.0f} degrees off its axis, but the rays of engine fixed and of "
            f"the hardware end at {bound:.0f}; choose --engine float, or crop the images (width, "
            "height and principal point in the calibration with them)"
        )


def lens_registers(camera: Camera, hw: HwConfig) -> LensRegisters:
    """Return the registers of a camera; raises VioError where its calibration does not fit."""
    c, r = hw.coord_frac, hw.ray_frac
    if camera.width > hw.max_width or camera.height > hw.max_height:
        raise VioError(
            f"images of {camera.width} x {camera.height} exceed what the hardware configuration "
            f"is sized for, {hw.max_width} x {hw.max_height}; set hw.max_width and hw.max_height"
        )
    if min(camera.fx, camera.fy) <= _LEAST_FOCAL:
        raise VioError(
            f"focal lengths {camera.fx:g} and {camera.fy:g} px: engine fixed needs more than "
            f"{_LEAST_FOCAL} px; use larger images"
        )
    _check_reach(camera)
    p1, p2 = (camera.distortion[2:4]) if camera.model == "radial-tangential" else (0.0, 0.0)
    tangential = sq(-6, _TANGENTIAL_FRAC)
    # Radial factors on the undistorted radius, densely; the corners say how far they must reach.
    params = camera.params.copy()
    if camera.model == "radial-tangential":
        params[7] = params[8] = 0.0
    corners = np.array([(u, v) for u in (0.0, camera.width) for v in (0.0, camera.height)])
    rays = (corners - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    steps = hw.lens_table
    inverse_shift = _table_shift(1.02 * float(np.max(np.sum(rays**2, axis=1))), hw)
    # A corner that the lens model does not reach has no ray.
    reach = max(float(np.hypot(*ray)) for ray in np.nan_to_num(camera.unproject(corners), nan=2.0))
    forward_shift = _table_shift(1.1 * min(reach, 1.99) ** 2, hw)
    nodes = np.sqrt(np.arange(steps + 1) * 2.0 ** (forward_shift - r))
    forward = np.array([_forward(params, x) for x in nodes])
    nodes = np.sqrt(np.arange(steps + 1) * 2.0 ** (inverse_shift - r))
    fine = np.linspace(0.0, 2.0, 20001)
    distorted = np.array([_forward(params, x) * x for x in fine])
    rising = int(np.argmax(np.diff(distorted) <= 0)) or len(fine) - 1
    # Beyond the radius where the model folds back no pixel has a ray: hold the last factor.
    undistorted = np.interp(nodes, distorted[: rising + 1], fine[: rising + 1])
    inverse = np.ones(steps + 1)
    inverse[1:] = undistorted[1:] / np.minimum(nodes[1:], distorted[rising])
    factor = uq(2, r)
    values = np.array(
        [
            uq(-7, _INV_FOCAL_FRAC).quantise(1.0 / camera.fx),
            uq(-7, _INV_FOCAL_FRAC).quantise(1.0 / camera.fy),
            uq(10, c).quantise(camera.fx),
            uq(10, c).quantise(camera.fy),
            uq(10, c).quantise(camera.cx),
            uq(10, c).quantise(camera.cy),
            tangential.quantise(p1),
            tangential.quantise(p2),
            inverse_shift,
            forward_shift,
            camera.width,
            camera.height,
        ],
        np.int64,
    )
    return LensRegisters(
        values,
        np.array([factor.quantise(x) for x in _balanced(inverse)], np.int64),
        np.array([factor.quantise(x) for x in _balanced(forward)], np.int64),
    )


def _balanced(nodes: np.ndarray) -> np.ndarray:
    """Return nodes (N,) moved so that the chords err equally to both sides of the curve."""
    out = nodes.copy()
    out[1:-1] -= np.diff(nodes, 2) / 16.0
    return out


def _table_shift(reach2: float, hw: HwConfig) -> int:
    """Return the binary logarithm of the step with which a table covers a squared radius."""
    return max(int(np.ceil(np.log2(reach2 * 2**hw.ray_frac / hw.lens_table))), 1)


def _forward(params: np.ndarray, radius: float) -> float:
    """Return distorted over undistorted radius."""
    return 1.0 if radius == 0.0 else distort(params, radius, 0.0)[0] / radius


def rotation_registers(R: np.ndarray, hw: HwConfig) -> np.ndarray:
    """Return a rotation matrix (3, 3) as int64 in the format of the ray."""
    form = sq(1, hw.ray_frac)
    return np.array([[form.quantise(float(x)) for x in row] for row in R], np.int64)


@njit(cache=True, nogil=True)
def _factor(table: np.ndarray, shift: int, r2: int) -> int:
    """Return the table's value at a squared radius, linear between its nodes."""
    i = min(r2 >> shift, len(table) - 2)
    part = min(r2 - (i << shift), 1 << shift)
    return table[i] + round_shift((table[i + 1] - table[i]) * part, shift)


@njit(cache=True, nogil=True)
def _square(signals: np.ndarray, x: int, y: int) -> int:
    return narrow(signals, sig.RADIUS2, round_shift(x * x + y * y, 16))


@njit(cache=True, nogil=True)
def _tangential(lens: LensRegisters, x: int, y: int, r2: int) -> tuple[int, int]:
    """Return the tangential distortion of a ray."""
    p1, p2 = lens.values[P1], lens.values[P2]
    xx, xy, yy = round_shift(x * x, 16), round_shift(x * y, 16), round_shift(y * y, 16)
    dx = round_shift(2 * p1 * xy + p2 * (r2 + 2 * xx), _TANGENTIAL_FRAC)
    dy = round_shift(p1 * (r2 + 2 * yy) + 2 * p2 * xy, _TANGENTIAL_FRAC)
    return dx, dy


@njit(cache=True, nogil=True)
def unproject(lens: LensRegisters, signals: np.ndarray, u: int, v: int) -> tuple[int, int]:
    """Return the ray of a pixel: tangential part removed at a first estimate, then the radial."""
    k = lens.values
    du = narrow(signals, sig.CENTRED, u - k[CX])
    dv = narrow(signals, sig.CENTRED, v - k[CY])
    x = narrow(signals, sig.RAY, round_shift(du * k[INV_FX], 17))
    y = narrow(signals, sig.RAY, round_shift(dv * k[INV_FY], 17))
    f = _factor(lens.inverse, k[INVERSE_SHIFT], _square(signals, x, y))
    x0 = narrow(signals, sig.RAY, round_shift(x * f, 16))
    y0 = narrow(signals, sig.RAY, round_shift(y * f, 16))
    dx, dy = _tangential(lens, x0, y0, _square(signals, x0, y0))
    x, y = x - dx, y - dy
    f = _factor(lens.inverse, k[INVERSE_SHIFT], _square(signals, x, y))
    return (
        narrow(signals, sig.RAY, round_shift(x * f, 16)),
        narrow(signals, sig.RAY, round_shift(y * f, 16)),
    )


@njit(cache=True, nogil=True)
def unproject_pixels(lens: LensRegisters, signals: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Return the rays (N, 2) of pixels (N, 2)."""
    rays = np.empty_like(uv)
    for i in range(len(uv)):
        rays[i, 0], rays[i, 1] = unproject(lens, signals, uv[i, 0], uv[i, 1])
    return rays


@njit(cache=True, nogil=True)
def project(lens: LensRegisters, signals: np.ndarray, x: int, y: int) -> tuple[int, int, bool]:
    """Return the pixel of a ray, and whether the ray lies within the lens table."""
    k = lens.values
    r2 = _square(signals, x, y)
    inside = r2 < min((len(lens.forward) - 1) << k[FORWARD_SHIFT], signals[sig.RADIUS2, HIGH])
    f = _factor(lens.forward, k[FORWARD_SHIFT], r2)
    dx, dy = _tangential(lens, x, y, r2)
    xd = narrow(signals, sig.RAY, round_shift(x * f, 16) + dx)
    yd = narrow(signals, sig.RAY, round_shift(y * f, 16) + dy)
    u = narrow(signals, sig.UV, round_shift(xd * k[FX], 16) + k[CX])
    v = narrow(signals, sig.UV, round_shift(yd * k[FY], 16) + k[CY])
    return u, v, inside


@njit(cache=True, nogil=True)
def reciprocal(signals: np.ndarray, z: int) -> tuple[int, int]:
    """Return (m, n) with 1 / z = m / 2^(n + 17) for z > 0: m has 18 bits, n = bit_length(z)."""
    n = bit_length(z)
    mantissa = z << (18 - n) if n <= 18 else z >> (n - 18)
    return narrow(signals, sig.RECIPROCAL, divide(1 << 35, mantissa)), n


@njit(cache=True, nogil=True)
def rotate(signals: np.ndarray, R: np.ndarray, x: int, y: int, k: int) -> int:
    """Return component k of R @ (x, y, 1)."""
    return narrow(signals, sig.TURNED, round_shift(R[k, 0] * x + R[k, 1] * y, 16) + R[k, 2])


@njit(cache=True, nogil=True)
def rotate_back(signals: np.ndarray, R: np.ndarray, x: int, y: int, k: int) -> int:
    """Return component k of R transposed @ (x, y, 1)."""
    return narrow(signals, sig.TURNED, round_shift(R[0, k] * x + R[1, k] * y, 16) + R[2, k])


@njit(cache=True, nogil=True)
def perspective(signals: np.ndarray, x: int, y: int, z: int) -> tuple[int, int, bool]:
    """Return the ray (x / z, y / z), and whether z is far enough from 0 to have one."""
    if z < _LEAST_DEPTH:
        return 0, 0, False
    m, n = reciprocal(signals, z)
    return (
        narrow(signals, sig.RAY, round_shift(x * m, n + 1)),
        narrow(signals, sig.RAY, round_shift(y * m, n + 1)),
        True,
    )


@njit(cache=True, nogil=True)
def rotate_ray(signals: np.ndarray, R: np.ndarray, x: int, y: int) -> tuple[int, int, bool]:
    """Return the ray rotated by R, and whether it is in front of the camera."""
    return perspective(
        signals,
        rotate(signals, R, x, y, 0),
        rotate(signals, R, x, y, 1),
        rotate(signals, R, x, y, 2),
    )


@njit(cache=True, nogil=True)
def rotate_ray_back(signals: np.ndarray, R: np.ndarray, x: int, y: int) -> tuple[int, int, bool]:
    """Return the ray rotated by the transpose of R, and whether it is in front of the camera."""
    return perspective(
        signals,
        rotate_back(signals, R, x, y, 0),
        rotate_back(signals, R, x, y, 1),
        rotate_back(signals, R, x, y, 2),
    )


@njit(cache=True, nogil=True)
def compose(signals: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return the product (3, 3) of two rotations."""
    out = np.empty((3, 3), np.int64)
    for i in range(3):
        for j in range(3):
            total = A[i, 0] * B[0, j] + A[i, 1] * B[1, j] + A[i, 2] * B[2, j]
            out[i, j] = narrow(signals, sig.ROTATION, round_shift(total, 16))
    return out


@njit(cache=True, nogil=True)
def inside_image(lens: LensRegisters, u: int, v: int, border: int, frac: int) -> bool:
    """Return whether a pixel lies at least `border` pixels inside the image."""
    k = lens.values
    return (border << frac) <= u < ((k[WIDTH] - border) << frac) and (border << frac) <= v < (
        (k[HEIGHT] - border) << frac
    )

# SPDX-License-Identifier: Apache-2.0
"""Camera models (pinhole with radial-tangential or equidistant distortion) and the stereo rig.

Compiled functions take the packed parameters of `Camera.params`:
[model, fx, fy, cx, cy, d0, d1, d2, d3, r2]; model 0 is radial-tangential (k1, k2, p1, p2), model 1
is equidistant (k1..k4; Kannala and Brandt, PAMI 2006). A ray is (x, y), the direction (x, y, 1);
rays of a squared length up to r2 are those that the model maps one to one. A pixel without such a
ray is outside of the lens model: its ray is NaN.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numba import njit

from vio.errors import VioError
from vio.geometry import invert_transform

MODELS = ("radial-tangential", "equidistant")
MAX_RAY = 10.0  # 84 degrees off the axis: beyond, a ray (x, y, 1) has no digits left
LEAST_BASELINE_M = 1e-3
LEAST_COMMON_VIEW = 0.5  # cosine of the angle between the viewing directions


@njit(cache=True)
def distort(params: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """Return the distorted normalised coordinates of the ray (x, y)."""
    if params[0] == 0.0:
        r2 = x * x + y * y
        radial = 1.0 + r2 * (params[5] + r2 * params[6])
        dx = 2.0 * params[7] * x * y + params[8] * (r2 + 2.0 * x * x)
        dy = params[7] * (r2 + 2.0 * y * y) + 2.0 * params[8] * x * y
        return x * radial + dx, y * radial + dy
    r = math.sqrt(x * x + y * y)
    if r < 1e-12:
        return x, y
    t = math.atan(r)
    t2 = t * t
    td = t * (1.0 + t2 * (params[5] + t2 * (params[6] + t2 * (params[7] + t2 * params[8]))))
    return x * td / r, y * td / r


@njit(cache=True)
def project_ray(params: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """Return the pixel (u, v) of the ray (x, y)."""
    xd, yd = distort(params, x, y)
    return params[1] * xd + params[3], params[2] * yd + params[4]


@njit(cache=True)
def unproject_pixel(params: np.ndarray, u: float, v: float) -> tuple[float, float]:
    """Return the ray (x, y) of a pixel by Newton iterations on the distortion (numerical slope).

    The error is below 1e-10; a pixel that has no ray (see the module) gives NaN.
    """
    xd = (u - params[3]) / params[1]
    yd = (v - params[4]) / params[2]
    x, y = xd, yd
    h = 1e-6
    found = False
    for _ in range(20):
        fx, fy = distort(params, x, y)
        ex, ey = fx - xd, fy - yd
        if ex * ex + ey * ey < 1e-24:
            found = True
            break
        ax, ay = distort(params, x + h, y)
        bx, by = distort(params, x, y + h)
        j00, j10 = (ax - fx) / h, (ay - fy) / h
        j01, j11 = (bx - fx) / h, (by - fy) / h
        det = j00 * j11 - j01 * j10
        if abs(det) < 1e-12:
            break
        x -= (j11 * ex - j01 * ey) / det
        y -= (j00 * ey - j10 * ex) / det
    if not found:  # rounding may keep the error above 1e-12, but not above 1e-10
        fx, fy = distort(params, x, y)
        ex, ey = fx - xd, fy - yd
        found = ex * ex + ey * ey < 1e-20
    if not found or not x * x + y * y <= params[9]:
        return math.nan, math.nan
    return x, y


@njit(cache=True)
def project_rays(params: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return the pixels (N, 2) of the rays (N, 2)."""
    uv = np.empty((len(rays), 2))
    for i in range(len(rays)):
        uv[i, 0], uv[i, 1] = project_ray(params, rays[i, 0], rays[i, 1])
    return uv


@njit(cache=True)
def unproject_pixels(params: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Return the rays (N, 2) of the pixels (N, 2)."""
    rays = np.empty((len(uv), 2))
    for i in range(len(uv)):
        rays[i, 0], rays[i, 1] = unproject_pixel(params, uv[i, 0], uv[i, 1])
    return rays


@dataclass(frozen=True)
class Camera:
    """Hold one camera's calibration.

    width, height: pixels. fx, fy, cx, cy: pixels. distortion: four coefficients of `model`.
    T_body_cam: (4, 4), takes camera coordinates (z forward) to body coordinates, metres.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float]
    T_body_cam: np.ndarray
    model: str = MODELS[0]
    rate_hz: float = 20.0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise VioError(f"camera model {self.model!r} is unknown; known: {', '.join(MODELS)}")

    @cached_property
    def params(self) -> np.ndarray:
        """The packed parameters (10,) float64 that the compiled functions take."""
        head = (float(MODELS.index(self.model)), self.fx, self.fy, self.cx, self.cy)
        reach = invertible_radius(self.model, self.distortion)
        return np.array((*head, *self.distortion, reach * reach))

    def project(self, rays: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) of the rays (N, 2)."""
        return project_rays(self.params, np.ascontiguousarray(rays, dtype=np.float64))

    def unproject(self, uv: np.ndarray) -> np.ndarray:
        """Return the rays (N, 2) of the pixels (N, 2), NaN where the lens model has none."""
        return unproject_pixels(self.params, np.ascontiguousarray(uv, dtype=np.float64))


def invertible_radius(model: str, distortion: tuple[float, ...]) -> float:
    """Return the length of a ray up to which its distance from the centre grows with it.

    At most MAX_RAY. Beyond the first zero of the radial function's slope, a polynomial in the
    squared radius or angle, the image would be folded back over itself.
    """
    orders = np.arange(len(distortion)) if model == MODELS[1] else np.arange(2)
    slope = [1.0, *((2.0 * k + 3.0) * distortion[k] for k in orders)]
    roots = np.polynomial.Polynomial(slope).roots()
    real = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0.0)]
    if not len(real):
        return MAX_RAY
    turn = math.sqrt(float(real.min()))
    if model == MODELS[1]:
        return math.tan(turn) if turn < math.atan(MAX_RAY) else MAX_RAY
    return min(turn, MAX_RAY)


@dataclass(frozen=True)
class StereoRig:
    """Hold a left and a right camera on one body (the IMU frame).

    With one camera, `right` is `left` itself, and no right image or ray ever comes (`mono_rig`).
    """

    left: Camera
    right: Camera

    @property
    def is_mono(self) -> bool:
        """Whether there is one camera only."""
        return self.right is self.left

    @cached_property
    def T_right_left(self) -> np.ndarray:
        """(4, 4), takes left-camera coordinates to right-camera coordinates."""
        return invert_transform(self.right.T_body_cam) @ self.left.T_body_cam

    @cached_property
    def baseline_m(self) -> float:
        """Distance between the optical centres in metres."""
        return float(np.linalg.norm(self.T_right_left[:3, 3]))

    @cached_property
    def rectification(self) -> "Rectification":
        """The common rectified frame of both cameras."""
        return rectify(self)


def mono_rig(camera: Camera) -> StereoRig:
    """Return the rig of one camera."""
    return StereoRig(camera, camera)


@dataclass(frozen=True)
class Rectification:
    """Hold a rectified stereo geometry: rows are epipolar lines, disparity d = u_left - u_right.

    R_rect_left, R_rect_right: (3, 3), camera coordinates to rectified coordinates.
    focal: pixels, both axes; cx, cy: principal point of both rectified images.
    Depth along the rectified z axis is focal * baseline_m / d.
    """

    R_rect_left: np.ndarray
    R_rect_right: np.ndarray
    focal: float
    cx: float
    cy: float
    baseline_m: float


def rectify(rig: StereoRig) -> Rectification:
    """Return the rectification that turns both cameras by half of their relative rotation.

    The new x axis is the baseline; z is the mean viewing direction made orthogonal to it
    (Fusiello, Trucco, Verri, "A compact algorithm for rectification", 2000). The focal length is
    the mean of the four, so pixels keep their size at the centre.

    Raises VioError when the right camera is not on the right of the left one, saying where it is
    and, if that follows from the numbers, that T_BS is given the wrong way round. With one camera,
    nothing is turned and the baseline is 0.
    """
    if rig.is_mono:
        c = rig.left
        return Rectification(np.eye(3), np.eye(3), 0.5 * (c.fx + c.fy), c.cx, c.cy, 0.0)
    T_left_right = invert_transform(rig.T_right_left)
    _check_placement(rig, T_left_right)
    x_axis = T_left_right[:3, 3] / np.linalg.norm(T_left_right[:3, 3])
    z_mean = np.array([0.0, 0.0, 1.0]) + T_left_right[:3, 2]
    y_axis = np.cross(z_mean, x_axis)
    y_axis /= np.linalg.norm(y_axis)
    R_rect_left = np.stack([x_axis, y_axis, np.cross(x_axis, y_axis)])
    focal = (rig.left.fx + rig.left.fy + rig.right.fx + rig.right.fy) / 4.0
    return Rectification(
        R_rect_left=R_rect_left,
        R_rect_right=R_rect_left @ T_left_right[:3, :3],
        focal=focal,
        cx=(rig.left.cx + rig.right.cx) / 2.0,
        cy=(rig.left.cy + rig.right.cy) / 2.0,
        baseline_m=rig.baseline_m,
    )


def _check_placement(rig: StereoRig, T_left_right: np.ndarray) -> None:
    """Raise VioError unless the right camera is on the right and looks the same way."""
    p = T_left_right[:3, 3]
    if rig.baseline_m < LEAST_BASELINE_M:
        raise VioError(
            f"both cameras lie at one place (baseline {rig.baseline_m * 1e3:.3f} mm): their T_BS "
            "have equal translations; give each camera its own T_BS in sensor.yaml"
        )
    x, y, z = p / rig.baseline_m
    if x < 0.5:
        where = f"the second camera lies at {np.round(p, 3)} m in the first camera's frame"
        swapped = StereoRig(rig.right, rig.left)
        inverse = StereoRig(_inverse(rig.left), _inverse(rig.right))
        if _on_the_right(swapped):
            also = " (inverting it would do, too)" if _on_the_right(inverse) else ""
            raise VioError(
                f"{where}, not on its right; swap the cameras or check T_BS in sensor.yaml{also}"
            )
        side = "in front of" if z > 0.0 else "behind"
        todo = "swap the cameras or check T_BS in sensor.yaml"
        if abs(y) > abs(z):
            side = "below" if y > 0.0 else "above"
            todo = "a vertical rig is not supported: turn it by 90 degrees, images and calibration"
        if _on_the_right(inverse):
            todo += (
                "; or T_BS is inverted (the second camera would then be on the right): it takes "
                "camera coordinates to body coordinates"
            )
        raise VioError(f"{where}, {side} it, not on its right; {todo}")
    if T_left_right[2, 2] < LEAST_COMMON_VIEW:
        angle = math.degrees(math.acos(max(-1.0, min(1.0, T_left_right[2, 2]))))
        raise VioError(
            f"the cameras look {angle:.0f} degrees apart; stereo needs a common view: check the "
            "rotations in T_BS in sensor.yaml"
        )


def _inverse(camera: Camera) -> Camera:
    return replace(camera, T_body_cam=invert_transform(camera.T_body_cam))


def _on_the_right(rig: StereoRig) -> bool:
    """Return whether the second camera is clearly on the right of the first and looks its way."""
    T_left_right = invert_transform(rig.T_right_left)
    return bool(
        T_left_right[0, 3] > 0.9 * rig.baseline_m and T_left_right[2, 2] > LEAST_COMMON_VIEW
    )

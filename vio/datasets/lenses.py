# SPDX-License-Identifier: Apache-2.0
"""Lens models that the odometry does not compute with, fitted to Kannala-Brandt's.

Unified (omni): Mei and Rives, ICRA 2007. Extended unified: Khomutenko et al., RA-L 2016. Double
sphere: Usenko et al., 3DV 2018. Kannala-Brandt: PAMI 2006, vio/camera.py.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vio.camera import MAX_RAY, MODELS, Camera
from vio.errors import VioError

# {model: the names of its parameters before fx, fy, cx, cy}
PARAMETERS = {"omni": ("xi",), "ds": ("xi", "alpha"), "eucm": ("alpha", "beta")}
GREATEST_RESIDUAL_PX = 1.0  # a fit that is worse somewhere is refused
_RINGS, _SPOKES = 60, 48


@dataclass(frozen=True)
class Fit:
    """Hold a fitted camera and how far it is from the model, in pixels over the image."""

    camera: Camera
    rms_px: float
    max_px: float
    angle_deg: float  # from the axis, up to which it was compared


def _project(model: str, shape: tuple[float, ...], d: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return normalised image coordinates (N, 2) of unit rays (N, 3), NaN where there are none.

    shape: the parameters of the model. d: (4,), k1, k2, p1, p2 behind the projection.
    """
    x, y, z = rays.T
    if model == "omni":
        (xi,) = shape
        depth, valid = z + xi, z > -min(xi, 1.0 / xi if xi > 0 else 0.0)
    elif model == "eucm":
        alpha, beta = shape
        depth = alpha * np.sqrt(beta * (x * x + y * y) + z * z) + (1.0 - alpha) * z
        w = alpha / (1.0 - alpha) if alpha <= 0.5 else (1.0 - alpha) / alpha
        valid = z > -w
    else:
        xi, alpha = shape
        w1 = alpha / (1.0 - alpha) if alpha <= 0.5 else (1.0 - alpha) / alpha
        w2 = (w1 + xi) / math.sqrt(2.0 * w1 * xi + xi * xi + 1.0)
        d2 = np.sqrt(x * x + y * y + (xi + z) ** 2)
        depth = alpha * d2 + (1.0 - alpha) * (xi + z)
        valid = z > -w2
    depth = np.where(valid & (depth > 1e-9), depth, np.nan)
    mx, my = x / depth, y / depth
    r2 = mx * mx + my * my
    radial = 1.0 + r2 * (d[0] + r2 * d[1])
    return np.stack(
        [
            mx * radial + 2.0 * d[2] * mx * my + d[3] * (r2 + 2.0 * mx * mx),
            my * radial + d[2] * (r2 + 2.0 * my * my) + 2.0 * d[3] * mx * my,
        ],
        axis=1,
    )


def fit_kannala_brandt(
    model: str,
    shape: tuple[float, ...],
    pinhole: tuple[float, float, float, float],
    distortion: tuple[float, float, float, float],
    size: tuple[int, int],
    where: str,
) -> Fit:
    """Return the equidistant camera nearest to another lens model, with T_body_cam = identity.

    model: one of PARAMETERS, shape: its own parameters. pinhole: fx, fy, cx, cy in pixels.
    distortion: k1, k2, p1, p2 behind it. size: width and height. The squared distance of pixels is
    least over rays spread evenly in angle up to 84 degrees, as far as they fall into the image.
    Raises VioError for parameters out of the model's range and when a pixel stays 1 px apart.
    """
    from scipy.optimize import least_squares

    _check(model, shape, where)
    theta = np.linspace(0.0, math.atan(MAX_RAY), _RINGS + 1)[1:]
    phi = np.arange(_SPOKES) * 2.0 * math.pi / _SPOKES
    angle, around = (a.ravel() for a in np.meshgrid(theta, phi, indexing="ij"))
    sine = np.sin(angle)
    rays = np.stack([sine * np.cos(around), sine * np.sin(around), np.cos(angle)], axis=1)
    fx, fy, cx, cy = pinhole
    flat = _project(model, shape, np.array(distortion), rays)
    uv = flat * (fx, fy) + (cx, cy)
    width, height = size
    inside = (uv >= 0.0).all(axis=1) & (uv[:, 0] <= width) & (uv[:, 1] <= height)
    if inside.sum() < 100:
        raise VioError(f"{where}: hardly a ray falls into the {width}x{height} image; check it")
    xy, uv, angle = rays[inside, :2] / rays[inside, 2:], uv[inside], angle[inside]
    r = np.linalg.norm(xy, axis=1)
    unit, t = xy / r[:, None], np.arctan(r)

    def residual(p: np.ndarray) -> np.ndarray:
        td = t * (1.0 + t**2 * (p[4] + t**2 * (p[5] + t**2 * (p[6] + t**2 * p[7]))))
        return (unit * td[:, None] * p[:2] + p[2:4] - uv).ravel()

    axis = 1.0 + shape[0] if model in ("omni", "ds") else 1.0
    start = np.array([fx / axis, fy / axis, cx, cy, 0.0, 0.0, 0.0, 0.0])
    found = least_squares(residual, start, x_scale=np.array([fx, fy, cx, cy, 1, 1, 1, 1]),
                          xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=500)  # fmt: skip
    apart = np.linalg.norm(found.fun.reshape(-1, 2), axis=1)
    worst = float(apart.max())
    if not worst <= GREATEST_RESIDUAL_PX:
        raise VioError(
            f"{where}: {model} is no lens that Kannala-Brandt's model describes: a pixel stays "
            f"{worst:.2f} px apart; calibrate with equidistant distortion"
        )
    p = [float(v) for v in found.x]
    camera = Camera(
        width, height, p[0], p[1], p[2], p[3], (p[4], p[5], p[6], p[7]), np.eye(4), MODELS[1]
    )
    rms = float(np.sqrt(np.mean(apart**2)))
    return Fit(camera, rms, worst, math.degrees(float(angle.max())))


def _check(model: str, shape: tuple[float, ...], where: str) -> None:
    ranges: dict[str, dict[str, Callable[[float], bool]]] = {
        "omni": {"xi": lambda v: 0.0 <= v < 10.0},
        "ds": {"xi": lambda v: -1.0 < v < 1.0, "alpha": lambda v: 0.0 <= v <= 1.0},
        "eucm": {"alpha": lambda v: 0.0 <= v <= 1.0, "beta": lambda v: 0.0 < v < 100.0},
    }
    for name, value in zip(PARAMETERS[model], shape, strict=True):
        if not ranges[model][name](value) or (name == "alpha" and value in (0.0, 1.0)):
            raise VioError(f"{where}: {name} of {model} is {value:g}, which is out of its range")

# SPDX-License-Identifier: Apache-2.0
"""The image sensor: sampling pattern, vignetting, exposure control that lags, noise settings."""

import math
from dataclasses import dataclass

import numpy as np

from vio.camera import Camera, unproject_pixels
from vio.render.kernel import BLOCK, TILE

WHITE = 250.0  # grey level that counts as saturated
GOLDEN = 0.6180339887  # the golden ratio's fraction: steps of it spread evenly
MAX_SAMPLES = 32  # of a pixel, unless the model has more


@dataclass(frozen=True)
class SensorModel:
    """Hold the settings of a small global-shutter sensor, measured on real frames at rest.

    electrons: per grey level at unit gain. read_noise: electrons. fixed_pattern: grey levels,
    deviation of the fixed pattern. target: mean grey level the control aims at, unless more
    than the share `saturated` of the pixels would be white.
    max_exposure_s, unit_exposure_s: longest shutter; the shutter that gives light 1 the level 255
    at unit gain. lag: share of the log error corrected a frame; delay: frames until it acts.
    spread_px: deviation of the lens blur. vignette: share of light lost in the corners.
    """

    samples: int = 8
    electrons: float = 110.0
    read_noise: float = 60.0
    fixed_pattern: float = 0.35
    target: float = 118.0
    saturated: float = 0.07
    max_exposure_s: float = 0.024
    unit_exposure_s: float = 0.050
    max_gain: float = 6.0
    lag: float = 0.12
    delay: int = 2
    spread_px: float = 0.5
    vignette: float = 0.45

    @property
    def sample_counts(self) -> tuple[int, ...]:
        """Samples of a pixel: the least, then doubled up to MAX_SAMPLES as the image moves."""
        counts = [self.samples]
        while counts[-1] < MAX_SAMPLES:
            counts.append(2 * counts[-1])
        return tuple(counts)


@dataclass(frozen=True)
class Exposure:
    """Hold one frame's shutter time in seconds and the grey levels per unit of radiance."""

    shutter_s: float
    gain: float
    analog_gain: float


def sample_pattern(samples: int, spread_px: float) -> np.ndarray:
    """Return each sample's place and texture level: (samples, 3) float32.

    The first two columns are pixel offsets with zero mean and deviation spread_px, a lattice of
    golden-ratio steps through the normal distribution's quantiles. The third in 0..1 dithers the
    texture's level: the part of a level from which on the sample takes the coarser one.

    Sample s belongs to exposure slot s. The last samples are the first, turned about the middle of
    place and time, with the same levels. So a point's image is symmetric however it moves, and lies
    where the point is at the middle of the exposure. Where the later samples are only spread more,
    or take coarser levels, fine structure appears early: by 0.6 ms in 24, with tracks to match.
    """
    if samples == 1:
        return np.array([[0.0, 0.0, 0.5]], np.float32)
    half = samples // 2
    k = np.arange(half)
    radius = np.sqrt(-2.0 * np.log(1.0 - (k * 3 % half + 0.5) / half))
    angle = 2.0 * math.pi * np.mod(k * GOLDEN + 0.13, 1.0)
    first = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points = np.concatenate([first, np.zeros((samples % 2, 2)), -first[::-1]])
    if half > 2:  # remove the correlation with time, which would change the motion blur's length
        time = np.arange(samples) - (samples - 1) / 2.0
        points -= np.outer(time, points.T @ time) / (time @ time)
    if half > 1:  # the lens blurs alike in all directions
        values, axes = np.linalg.eigh(points.T @ points / samples)
        points = points @ (axes / np.sqrt(values)) @ axes.T
    points *= spread_px / np.sqrt(np.mean(points**2))
    rank = np.argsort(np.argsort(np.mod(k * GOLDEN + 0.55, 1.0)))
    level = (rank + 0.5) / half
    levels = np.concatenate([level, np.full(samples % 2, 0.5), level[::-1]])
    return np.column_stack([points, levels]).astype(np.float32)


@dataclass(frozen=True)
class RayTable:
    """Hold what rendering needs of one camera: rays, tile bounds, vignetting, fixed pattern."""

    camera: Camera
    rays: np.ndarray
    block_box: np.ndarray
    tile_box: np.ndarray
    part_box: np.ndarray
    vignette: np.ndarray
    fixed_pattern: np.ndarray


def _boxes(rays: np.ndarray, step: int, margin_px: float) -> np.ndarray:
    """Return ray boxes (rows, cols, 4): centre and half sides, with a margin in pixels."""
    rows, cols = np.arange(0, rays.shape[0], step), np.arange(0, rays.shape[1], step)

    def over(fold: np.ufunc, values: np.ndarray) -> np.ndarray:
        return fold.reduceat(fold.reduceat(values, rows, axis=0), cols, axis=1)

    places = rays[..., :2].astype(np.float64)
    lo, hi = over(np.minimum, places), over(np.maximum, places)
    slope = over(np.maximum, np.abs(rays[..., 2:6]).astype(np.float64))
    pad = margin_px * np.stack([slope[..., 0] + slope[..., 1], slope[..., 2] + slope[..., 3]], -1)
    return np.concatenate([(lo + hi) / 2, (hi - lo) / 2 + pad], axis=-1)


def ray_table(camera: Camera, model: SensorModel, seed: int, stride: int = 1) -> RayTable:
    """Return the table of a camera, at every stride-th pixel (for metering)."""
    us = np.arange(0, camera.width, stride, dtype=np.float64)
    vs = np.arange(0, camera.height, stride, dtype=np.float64)
    u, v = np.meshgrid(us, vs)
    uv = np.stack([u.ravel(), v.ravel()], axis=1)
    centre = unproject_pixels(camera.params, uv).reshape(*u.shape, 2)
    blind = np.isnan(centre[..., 0])
    if blind.any():  # beyond the lens model: a finite ray that way out, and no light from there
        out = (np.stack([u, v], axis=-1) - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
        length = np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-9)
        centre = np.where(blind[..., None], out * (math.sqrt(camera.params[-1]) / length), centre)
    rays = np.empty((*u.shape, 7), np.float32)
    rays[..., :2] = centre
    for axis in range(2):
        dv, du = np.gradient(centre[..., axis], float(stride))
        rays[..., 2 + 2 * axis], rays[..., 3 + 2 * axis] = du, dv
    solid = np.abs(rays[..., 2] * rays[..., 5] - rays[..., 3] * rays[..., 4])
    rays[..., 6] = 0.5 * np.log2(np.maximum(solid, np.float32(1e-12)))
    # The farthest place of a sample, and a little for rounding.
    margin = 0.1 + max(
        float(np.abs(sample_pattern(n, model.spread_px)[:, :2]).max()) for n in model.sample_counts
    )
    # Light falls off towards the corners as a polynomial of the image radius.
    r2 = ((u - camera.cx) ** 2 + (v - camera.cy) ** 2) / (
        max(camera.cx, camera.width - camera.cx) ** 2
        + max(camera.cy, camera.height - camera.cy) ** 2
    )
    rng = np.random.default_rng([seed, 11])
    fixed = model.fixed_pattern * (
        rng.standard_normal(u.shape) + 0.5 * rng.standard_normal((1, u.shape[1]))
    )
    return RayTable(
        camera=camera,
        rays=rays,
        block_box=_boxes(rays, TILE * BLOCK, margin),
        tile_box=_boxes(rays, TILE, margin),
        part_box=_boxes(rays, TILE // 2, margin),
        vignette=np.where(blind, 0.0, 1.0 - model.vignette * (0.6 * r2 + 0.4 * r2 * r2)).astype(
            np.float32
        ),
        fixed_pattern=fixed.astype(np.float32),
    )


class ExposureControl:
    """Follow the light with a lag: each frame corrects a share of the error of earlier frames."""

    def __init__(self, model: SensorModel) -> None:
        self._model = model
        self._log_light: float | None = None
        self._pending: list[float] = []

    def next(self, metered: np.ndarray) -> Exposure:
        """Return the exposure of this frame and note its metered radiance (any shape)."""
        model = self._model
        if self._log_light is None:
            self._log_light = self._wanted(metered, math.log(float(np.mean(metered)) + 1e-4))
        elif len(self._pending) >= model.delay:
            self._log_light += self._pending.pop(0)
        used = self._log_light
        self._pending.append(model.lag * (self._wanted(metered, used) - used))
        limit = model.max_exposure_s * model.max_gain / model.unit_exposure_s * 255.0
        gain = min(model.target / math.exp(used), limit)
        wanted_s = gain / 255.0 * model.unit_exposure_s
        shutter = min(max(wanted_s, 5e-5), model.max_exposure_s)
        return Exposure(shutter, gain, max(1.0, wanted_s / shutter))

    def _wanted(self, metered: np.ndarray, used: float) -> float:
        """Return the log light that brings the mean of the clipped image to the target.

        Unless more than the wanted share of the pixels would saturate: then they decide.
        """
        gain = self._model.target / math.exp(used)
        mean = float(np.mean(np.minimum(metered * gain, 255.0))) + 0.5
        bright = float(np.quantile(metered, 1.0 - self._model.saturated)) + 1e-4
        return max(
            used + math.log(mean / self._model.target),
            math.log(bright / WHITE) + math.log(self._model.target),
        )

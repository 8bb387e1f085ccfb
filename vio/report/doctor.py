# SPDX-License-Identifier: Apache-2.0
"""Figures of an examined recording (`vio doctor RECORDING`)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vio.diagnosis.recording.examine import Examination
from vio.diagnosis.recording.inertial import SENSORS, allan_deviation, values_of
from vio.report import style

LEAST_ALLAN = 100  # samples


def draw_examination(folder: Path, seen: Examination) -> list[Path]:
    """Write the figures that the recording has data for; return their paths."""
    figures = (_stamps, _imu, _clock, _epipolar, _allan)
    return [path for draw in figures for path in draw(folder, seen)]


def _stamps(folder: Path, seen: Examination) -> Iterator[Path]:
    """Write stamps.png: the intervals of images and inertial samples."""
    path = folder / "stamps.png"
    start = seen.frame_t_ns[0]
    with style.figure(path, 9.0, 4.4, nrows=2) as (_, axes):
        for ax, t_ns, name in (
            (axes[0], seen.frame_t_ns, "images"),
            (axes[1], seen.imu.t_ns, "inertial samples"),
        ):
            ax.plot((t_ns[1:] - start) / 1e9, np.diff(t_ns) / 1e6, ".", ms=3, color=style.ESTIMATE)
            ax.set_ylabel("[ms]")
            ax.set_title(f"Intervals of the {name}")
        axes[1].set_xlabel("time after the first image [s]")
    yield path


def _imu(folder: Path, seen: Examination) -> Iterator[Path]:
    """Write imu.png: rates and forces over time, with the stand-still in grey."""
    path = folder / "imu.png"
    t_s = (seen.imu.t_ns - seen.frame_t_ns[0]) / 1e9
    with style.figure(path, 9.0, 5.0, nrows=2) as (_, axes):
        for ax, (sensor, name, unit) in zip(axes, SENSORS, strict=True):
            for k, color in enumerate(style.AXES):
                ax.plot(t_s, values_of(seen.imu, sensor)[:, k], lw=0.7, color=color, label="xyz"[k])
            if seen.rest.stop > seen.rest.start:
                ends = t_s[[seen.rest.start, seen.rest.stop - 1]]
                ax.axvspan(*ends, color=style.FAINT, alpha=0.4, lw=0)
            ax.set_ylabel(f"[{unit}]")
            ax.set_title(name.capitalize())
            ax.legend(loc="upper right", ncol=3)
        axes[1].set_xlabel("time after the first image [s]; grey: the longest rest")
    yield path


def _clock(folder: Path, seen: Examination) -> Iterator[Path]:
    """Write clock.png: rotation rates of images and gyroscope, and their correlation over lags."""
    lag = seen.alignment.lag
    if lag is None or not np.isfinite(lag.explained).any():
        return
    path = folder / "clock.png"
    pairs = seen.alignment.rotations
    t_s = np.array([(p.t0_ns + p.t1_ns) / 2 - seen.frame_t_ns[0] for p in pairs]) / 1e9
    span_s = np.array([p.t1_ns - p.t0_ns for p in pairs])[:, None] / 1e9
    rates = np.array([p.phi_cam for p in pairs]) / span_s @ seen.rig.left.T_body_cam[:3, :3].T
    with style.figure(path, 9.0, 6.4, nrows=4) as (_, axes):
        imu_s = (seen.imu.t_ns - seen.frame_t_ns[0]) / 1e9
        for k in range(3):
            gyro = seen.imu.gyro_rad_s[:, k]
            axes[k].plot(imu_s, gyro, lw=0.6, color=style.FAINT, label="gyroscope")
            axes[k].plot(t_s, rates[:, k], ".", ms=3, color=style.AXES[k], label="images, by T_BS")
            axes[k].set_ylabel("[rad/s]")
            axes[k].set_title(f"Rotation rate about body {'xyz'[k]}")
        axes[0].legend(loc="upper right", ncol=2)
        axes[3].plot(1e3 * lag.lags_s, lag.explained, color=style.ESTIMATE)
        if np.isfinite(lag.lag_s):
            axes[3].axvline(1e3 * lag.lag_s, color=style.ACCENT, lw=0.9)
        axes[3].set_xlabel("added to the stamps of the images [ms]")
        axes[3].set_ylabel("explained share")
        axes[3].set_title("Correlation of both, axes and scale free")
    yield path


def _epipolar(folder: Path, seen: Examination) -> Iterator[Path]:
    """Write epipolar.png: distances from the epipolar lines over the image, before and after."""
    maps = []
    if (kept := seen.alignment.kept) is not None and (free := seen.alignment.free) is not None:
        maps.append(("Left views, lens as given", kept.points, kept.fitted_distance_px))
        maps.append(("Left views, best lens", free.points, free.fitted_distance_px))
    if seen.stereo.fits and seen.stereo.matches is not None:
        uv = seen.stereo.matches.uv_right
        maps.append(("Stereo, as given", uv, seen.stereo.fits["nothing"].distance_px))
        maps.append(("Stereo, all corrected", uv, seen.stereo.fits["all"].distance_px))
    if not maps:
        return
    path = folder / "epipolar.png"
    left = seen.rig.left
    rows = len(maps) // 2
    with style.figure(path, 9.0, 3.1 * rows, nrows=rows, ncols=2, squeeze=False) as (fig, axes):
        top = 1.0
        for k, (ax, (title, uv, distance)) in enumerate(zip(axes.flat, maps, strict=True)):
            cells, edges_u, edges_v = _median_over_image(
                uv, np.abs(distance), left.width, left.height
            )
            if k % 2 == 0 and np.isfinite(cells).any():  # before and after in the same colours
                top = max(float(np.nanpercentile(cells, 95)), 1e-3)
            mesh = ax.pcolormesh(edges_u, edges_v, cells.T, vmin=0.0, vmax=top, cmap="viridis")
            ax.set_xlim(0, left.width)
            ax.set_ylim(left.height, 0)
            ax.set_aspect("equal")
            ax.set_title(title)
            fig.colorbar(mesh, ax=ax, label="median distance [px]")
    yield path


def _median_over_image(
    uv: np.ndarray, values: np.ndarray, width: int, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the medians (U, V) of values (M,) in cells of the image, and the cells' edges."""
    edges_u, edges_v = np.linspace(0, width, 17), np.linspace(0, height, 11)
    out = np.full((16, 10), np.nan)
    i = np.clip(np.searchsorted(edges_u, uv[:, 0]) - 1, 0, 15)
    j = np.clip(np.searchsorted(edges_v, uv[:, 1]) - 1, 0, 9)
    for a in range(16):
        for b in range(10):
            inside = (i == a) & (j == b)
            if np.count_nonzero(inside) >= 5:
                out[a, b] = np.median(values[inside])
    return out, edges_u, edges_v


def _allan(folder: Path, seen: Examination) -> Iterator[Path]:
    """Write allan.png: the Allan deviation of the longest rest."""
    if seen.rest.stop - seen.rest.start < LEAST_ALLAN:
        return
    path = folder / "allan.png"
    rate_hz = 1e9 / float(np.median(np.diff(seen.imu.t_ns)))
    with style.figure(path, 9.0, 3.6, ncols=2) as (_, axes):
        for ax, (sensor, name, unit) in zip(axes, SENSORS, strict=True):
            values = values_of(seen.imu, sensor)[seen.rest]
            times, deviation, _ = allan_deviation(values, rate_hz)
            for k, color in enumerate(style.AXES):
                ax.loglog(times, deviation[:, k], color=color, label="xyz"[k])
            ax.set_xlabel("averaging time [s]")
            ax.set_ylabel(f"[{unit}]")
            ax.set_title(f"Allan deviation at rest, {name}")
            ax.legend()
    yield path

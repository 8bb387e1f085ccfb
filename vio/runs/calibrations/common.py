# SPDX-License-Identifier: Apache-2.0
"""What all forms of a calibration share: the rig with notes, noise, other lenses."""

from dataclasses import dataclass, replace

import numpy as np

from vio.camera import Camera, StereoRig
from vio.datasets.calibration import camera_from_entries
from vio.datasets.lenses import fit_kannala_brandt
from vio.datasets.rig import check_rig
from vio.imu import ImuNoise

NOISE = (
    "gyroscope_noise_density",
    "gyroscope_random_walk",
    "accelerometer_noise_density",
    "accelerometer_random_walk",
)


@dataclass(frozen=True)
class Rig:
    """Hold a calibration whatever its form; notes: what was fitted, assumed or left out.

    shift_ns: what the stamps of each camera are before the inertial sensor's clock.
    """

    rig: StereoRig
    noise: ImuNoise
    notes: list[str]
    shift_ns: tuple[int, int] = (0, 0)


def checked(rig: StereoRig, noise: ImuNoise, notes: list[str], where: str) -> Rig:
    """Return a calibration; raises VioError for a rig that cannot be rectified."""
    check_rig(rig, where)
    return Rig(rig, noise, notes)


def fitted(
    model: str, shape: list[float], pinhole: list[float], d: list[float], size: list[float],
    T_body_cam: np.ndarray, where: str, notes: list[str],
) -> Camera:  # fmt: skip
    """Return the camera of another lens model, fitted; the residual is added to notes."""
    fx, fy, cx, cy = pinhole
    d0, d1, d2, d3 = d
    width, height = int(size[0]), int(size[1])
    entries = {"resolution": size, "intrinsics": pinhole, "distortion_model": "radtan", "d": d}
    camera_from_entries(entries, "d", np.eye(4), 20.0, where)  # checks ranges
    fit = fit_kannala_brandt(
        model, tuple(shape), (fx, fy, cx, cy), (d0, d1, d2, d3), (width, height), where
    )
    notes.append(
        f"{where}: {model} is fitted by equidistant (Kannala-Brandt): {fit.rms_px:.4f} px rms, at "
        f"most {fit.max_px:.4f} px, up to {fit.angle_deg:.0f} degrees off the axis"
    )
    return replace(fit.camera, T_body_cam=T_body_cam)


def moved(rig: Rig, shift_ns: tuple[int, int], where: str, entry: str) -> Rig:
    """Return a calibration with what an entry adds to the stamps of each camera, noted."""
    if any(shift_ns):
        rig.notes.append(
            f"{where}: {entry} is {shift_ns[0] / 1e6:g} and {shift_ns[1] / 1e6:g} ms; of the forms "
            "written, Kalibr's keeps it, and Basalt's where it is the same for both"
        )
    return replace(rig, shift_ns=shift_ns)


def pinhole_of(camera: Camera) -> tuple[float, float, float, float]:
    """Return fx, fy, cx, cy in pixels."""
    return camera.fx, camera.fy, camera.cx, camera.cy


def noise_values(noise: ImuNoise) -> tuple[float, float, float, float]:
    """Return the densities in the order of NOISE."""
    return noise.gyro_noise, noise.gyro_walk, noise.accel_noise, noise.accel_walk


def noise_lines(noise: ImuNoise) -> str:
    """Return the densities as lines of YAML."""
    pairs = zip(NOISE, noise_values(noise), strict=True)
    return "".join(f"{key}: {float(value)!r}\n" for key, value in pairs)

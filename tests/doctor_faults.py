# SPDX-License-Identifier: Apache-2.0
"""Faults planted into simulated tracks and inertial data, and how `vio doctor` must name them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from tests.recording_faults import FAULTS as WATCHED
from tests.recording_faults import turn_cameras
from tests.simulation import Simulation
from vio.camera import Camera, StereoRig
from vio.data import ImuData
from vio.datasets.tracks import TrackFrame

# The noise of tracks in real images: 0.14 px between two views.
SECONDS, PIXEL_SIGMA = 12.0, 0.1

SMALL_TURN = Rotation.from_rotvec(np.radians([2.0, -1.0, 2.0])).as_matrix()


def cameras(sim: Simulation, change: Callable[[Camera], Camera], sides: str = "lr") -> None:
    """Change the calibration of some cameras, not those that made the data."""
    left, right = sim.rig.left, sim.rig.right
    sim.rig = StereoRig(
        change(left) if "l" in sides else left, change(right) if "r" in sides else right
    )


def frames(sim: Simulation, change: Callable[[int, TrackFrame], TrackFrame]) -> None:
    """Change the frames one by one."""
    sim._frames = [change(k, f) for k, f in enumerate(sim._frames)]


def scaled_focal(c: Camera) -> Camera:
    """Return a camera with a focal length that is 5 % too long."""
    return replace(c, fx=1.05 * c.fx, fy=1.05 * c.fy)


def without_distortion(c: Camera) -> Camera:
    """Return a camera without distortion."""
    return replace(c, distortion=(0.0, 0.0, 0.0, 0.0))


def turned(c: Camera, degrees: tuple[float, float, float]) -> Camera:
    """Return a camera that is rotated in its T_BS, camera axes."""
    T = c.T_body_cam.copy()
    T[:3, :3] = T[:3, :3] @ Rotation.from_rotvec(np.radians(degrees)).as_matrix()
    return replace(c, T_body_cam=T)


def _swap(sim: Simulation) -> None:
    def swapped(_: int, f: TrackFrame) -> TrackFrame:
        both = np.isfinite(f.uv_right[:, 0])
        ids, left, right = f.ids[both], f.uv_right[both], f.uv_left[both]
        return TrackFrame(f.t_ns, None, None, ids, left, right)

    frames(sim, swapped)


def _stand_up(sim: Simulation) -> None:
    """Turn both images by 90 degrees, and the intrinsics with them."""

    def rotated(uv: np.ndarray, c: Camera) -> np.ndarray:
        return np.column_stack([c.height - 1 - uv[:, 1], uv[:, 0]])

    left, right = sim.rig.left, sim.rig.right
    frames(
        sim,
        lambda _, f: replace(
            f, uv_left=rotated(f.uv_left, left), uv_right=rotated(f.uv_right, right)
        ),
    )

    def upright(c: Camera) -> Camera:
        return replace(
            c, width=c.height, height=c.width, fx=c.fy, fy=c.fx, cx=c.height - 1 - c.cy, cy=c.cx,
            distortion=(*c.distortion[:2], 0.0, 0.0),
        )  # fmt: skip

    cameras(sim, upright)


def _right_late(sim: Simulation) -> None:
    """Let each right image be that of the frame before."""
    before = [None, *sim._frames[:-1]]

    def late(k: int, f: TrackFrame) -> TrackFrame:
        uv = np.full_like(f.uv_right, np.nan)
        if (old := before[k]) is not None:
            _, i, j = np.intersect1d(f.ids, old.ids, return_indices=True)
            uv[i] = old.uv_right[j]
        return replace(f, uv_right=uv)

    frames(sim, late)


def _imu(
    sim: Simulation,
    t_ns: np.ndarray | None = None,
    gyro: np.ndarray | None = None,
    accel: np.ndarray | None = None,
    keep: np.ndarray | None = None,
) -> None:
    imu = sim.imu
    keep = np.ones(len(imu), bool) if keep is None else keep
    sim.imu = ImuData(
        (imu.t_ns if t_ns is None else t_ns)[keep],
        (imu.gyro_rad_s if gyro is None else gyro)[keep],
        (imu.accel_m_s2 if accel is None else accel)[keep],
    )


def _jitter(sim: Simulation) -> None:
    late = np.random.default_rng(sim.seed).uniform(0.0, 0.9, len(sim.imu)) * 5e6
    _imu(sim, t_ns=sim.imu.t_ns + late.astype(np.int64))


def _stick(sim: Simulation) -> None:
    values = sim.imu.gyro_rad_s.copy()
    values[len(values) // 3 :, 1] = values[len(values) // 3, 1]
    _imu(sim, gyro=values)


def _saturate(sim: Simulation) -> None:
    values = sim.imu.gyro_rad_s
    limit = 0.5 * float(np.abs(values).max())
    _imu(sim, gyro=np.clip(values, -limit, limit))


def _repeat(sim: Simulation) -> None:
    k = np.arange(len(sim.imu)) // 2 * 2
    _imu(sim, gyro=sim.imu.gyro_rad_s[k], accel=sim.imu.accel_m_s2[k])


def _imu_gap(sim: Simulation) -> None:
    t = sim.imu.t_ns - sim.imu.t_ns[0]
    _imu(sim, keep=(t < 4_000_000_000) | (t > 4_300_000_000))


def _image_gap(sim: Simulation) -> None:
    keep = [k for k in range(len(sim._frames)) if not 80 <= k < 96]
    sim._frames = [sim._frames[k] for k in keep]
    sim.frame_t_ns = sim.frame_t_ns[keep]


def _noise(sim: Simulation, by: float) -> None:
    n = sim.imu_noise
    sim.imu_noise = replace(n, gyro_noise=n.gyro_noise * by, accel_noise=n.accel_noise * by)


def _offset(sim: Simulation, by_s: float) -> None:
    _imu(sim, t_ns=sim.imu.t_ns + round(by_s * 1e9))


def _rate(sim: Simulation) -> None:
    sim.imu_noise = replace(sim.imu_noise, rate_hz=100.0)


def _half_size(c: Camera) -> Camera:
    return replace(c, width=c.width // 2, height=c.height // 2)


# name: (motion, what to do, the kind that must be named, words of the finding)
FAULTS: dict[str, tuple[str, Callable[[Simulation], None], str, str]] = {
    **{
        name: ("moving", WATCHED[name][0], WATCHED[name][1], WATCHED[name][2])
        for name in WATCHED
        if not name.startswith("images")
    },
    "images 30 ms late": ("moving", lambda s: _offset(s, -0.03), "time_offset", "late"),
    "images 300 ms early": ("moving", lambda s: _offset(s, 0.3), "time_offset", "early"),
    "images 5 ms early": ("moving", lambda s: _offset(s, 0.005), "time_offset", "early"),
    "both cameras turned by 3 deg": (
        "moving", lambda s: turn_cameras(s, SMALL_TURN), "gyro_axes",
        "differs by",
    ),
    "right camera turned by 1 deg": (
        "moving", lambda s: cameras(s, lambda c: turned(c, (0.9, 0.3, 0.3)), "r"), "right_camera",
        "if it is rotated",
    ),
    "left focal length": ("tour", lambda s: cameras(s, scaled_focal, "l"), "left_lens", "focal"),
    "right focal length": (
        "tour", lambda s: cameras(s, scaled_focal, "r"), "right_camera", "another right lens",
    ),
    "both focal lengths": ("tour", lambda s: cameras(s, scaled_focal), "left_lens", "focal"),
    "no distortion": ("tour", lambda s: cameras(s, without_distortion), "left_lens", "k1"),
    "cameras swapped": ("moving", _swap, "stereo", "swapped"),
    "vertical": ("moving", _stand_up, "stereo", "vertical"),
    "right images a frame late": ("moving", _right_late, "stereo_offset", "earlier"),
    "resolution": ("moving", lambda s: cameras(s, _half_size), "resolution", "principal point"),
    "jitter": ("moving", _jitter, "imu_jitter", "ms"),
    "stuck axis": ("moving", _stick, "stuck_axis", "gyroscope y"),
    "saturated gyroscope": ("moving", _saturate, "gyro_saturated", "never passed"),
    "repeated samples": ("moving", _repeat, "repeated_samples", "equal"),
    "gap in the inertial data": ("moving", _imu_gap, "imu_gaps", "0.30"),
    "gap in the images": ("moving", _image_gap, "camera_gaps", "missing"),
    "IMU rate": ("moving", _rate, "imu_rate", "states 100 Hz"),
    "noise stated too small": ("rest", lambda s: _noise(s, 0.1), "gyro_noise", "states"),
    "noise stated too large": ("rest", lambda s: _noise(s, 30.0), "accel_noise", "states"),
    "accelerometer scale": (
        "rest", lambda s: _imu(s, accel=1.1 * s.imu.accel_m_s2), "gravity", "at rest",
    ),
}  # fmt: skip


def simulated(name: str, seed: int) -> Simulation:
    """Return a simulation with a fault; "none" or a motion's name: without."""
    motion = FAULTS[name][0] if name in FAULTS else name
    motion = "moving" if motion == "none" else motion
    sim = Simulation(seed, SECONDS, motion, pixel_sigma=PIXEL_SIGMA)
    if name in FAULTS:
        FAULTS[name][1](sim)
    return sim

# SPDX-License-Identifier: Apache-2.0
"""Scenario files: a place, a camera motion and sensor settings, read from TOML."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from vio.camera import StereoRig
from vio.errors import VioError
from vio.geometry import quaternion_from_matrix
from vio.limits import quoted, read_toml
from vio.render.scenario_values import check_values
from vio.render.spline import SplineTrajectory, motion_from_controls

SCENARIOS = Path(__file__).parent / "scenarios"
PLACES = ("hall", "room", "corridor", "auto")
LEAD_S = 0.5  # seconds of inertial data before the first and after the last image
CONTROL_S = 0.05  # seconds between control points of the motion
# Camera axes (x right, y down, z forward) in vehicle axes (x forward, y left, z up).
R_VEHICLE_CAM = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Scenario:
    """Hold one scenario.

    place: hall, room, corridor or auto. duration_s: seconds of images. rate_hz: of the cameras.
    imu_rate_hz: of the inertial sensor; motion and world do not depend on the two rates.
    waypoints: rows of seconds, x, y, z (m), yaw, pitch, roll (deg): where the left camera's
    carrier is and looks; pitch is positive upwards.
    sway_m, shake_deg: deviations of a random motion on x, y, z and yaw, pitch, roll, whose
    frequencies lie in sway_hz, shake_hz. rest_s: spans in seconds with the random motion off.
    movers: moving objects. dark_s: spans with the lights out. light: brightness of the place.
    """

    name: str
    place: str = "auto"
    duration_s: float = 20.0
    rate_hz: float = 20.0
    imu_rate_hz: float = 200.0
    waypoints: tuple[tuple[float, ...], ...] = ((0.0, 0.0, 0.0, 1.2, 0.0, -10.0, 0.0),)
    sway_m: tuple[float, ...] = (0.0, 0.0, 0.0)
    sway_hz: tuple[float, ...] = (0.1, 0.5)
    shake_deg: tuple[float, ...] = (0.0, 0.0, 0.0)
    shake_hz: tuple[float, ...] = (0.2, 1.0)
    rest_s: tuple[tuple[float, ...], ...] = ()
    movers: int = 0
    dark_s: tuple[tuple[float, ...], ...] = ()
    light: float = 1.0


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    return sorted(p.stem for p in SCENARIOS.glob("*.toml"))


def load_scenario(name: str) -> Scenario:
    """Return the scenario of a name or of a path to a TOML file.

    Raises VioError for an unknown name, an unknown key, or values of the wrong shape.
    """
    path = Path(name) if name.endswith(".toml") else SCENARIOS / f"{name}.toml"
    if not path.is_file():
        raise VioError(
            f"no scenario {name!r}; known: {', '.join(scenario_names())}; or give a .toml file, or "
            "a folder in ASL layout with ground truth for a hybrid rendering"
        )
    values = read_toml(path, "a scenario's name or a .toml file")
    check_values(values, str(path))
    scenario = Scenario(name=path.stem, **{k: _frozen(v) for k, v in values.items()})
    if scenario.place not in PLACES:
        raise VioError(
            f"{path}: place {quoted(scenario.place)} is unknown; known: {', '.join(PLACES)}"
        )
    if np.any(np.diff([row[0] for row in scenario.waypoints]) <= 0.0):
        raise VioError(f"{path}: the seconds of the waypoints must increase")
    return scenario


def _random_motion(
    t: np.ndarray,
    deviation: tuple[float, ...],
    band_hz: tuple[float, ...],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return (N, 3) sums of sines with random phases and log-uniform frequencies in a band."""
    out = np.zeros((len(t), 3))
    count = 9
    for axis in range(3):
        hz = np.exp(rng.uniform(np.log(band_hz[0]), np.log(band_hz[1]), count))
        phase = rng.uniform(0.0, 2.0 * math.pi, count)
        # Slow motions are the larger ones.
        weight = 1.0 / np.sqrt(hz)
        weight *= math.sqrt(2.0) / np.linalg.norm(weight)
        out[:, axis] = deviation[axis] * np.sin(np.outer(t, 2 * math.pi * hz) + phase) @ weight
    return out


def scenario_trajectory(
    scenario: Scenario, rig: StereoRig, seed: int, seconds: float | None = None
) -> SplineTrajectory:
    """Return the body's motion, which starts LEAD_S before the first image and ends as much after.

    The random motion depends on the seed; the waypoints do not.
    """
    duration = min(scenario.duration_s, seconds or scenario.duration_s)
    rows = np.array(scenario.waypoints)
    t = np.arange(-1.0, duration + 1.0 + CONTROL_S / 2, CONTROL_S)
    # Held before the first and after the last waypoint, so that the motion starts from rest.
    seconds_at = np.concatenate([[rows[0, 0] - 2.0], rows[:, 0], [rows[-1, 0] + 2.0]])
    poses = np.concatenate([rows[:1, 1:], rows[:, 1:], rows[-1:, 1:]])
    held = np.clip(t, seconds_at[0], seconds_at[-1])
    base = PchipInterpolator(seconds_at, poses, axis=0)(held)
    rng = np.random.default_rng([seed, 23])
    on = np.ones(len(t))
    for start, end in scenario.rest_s:
        edge = np.minimum(np.abs(t - start), np.abs(t - end)) / 0.5
        inside = (t > start) & (t < end)
        on *= np.where(inside, 0.0, np.clip(edge, 0.0, 1.0) ** 2)
    sway = _random_motion(t, scenario.sway_m, scenario.sway_hz, rng) * on[:, None]
    shake = _random_motion(t, scenario.shake_deg, scenario.shake_hz, rng) * on[:, None]
    p_vehicle = base[:, :3] + sway
    angles = np.radians(base[:, 3:] + shake)
    T_body_cam = rig.left.T_body_cam
    q = np.empty((len(t), 4))
    p = np.empty((len(t), 3))
    for k, (yaw, pitch, roll) in enumerate(angles):
        cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
        cr, sr = math.cos(roll), math.sin(roll)
        Rz = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
        Ry = np.array([[cp, 0.0, -sp], [0.0, 1.0, 0.0], [sp, 0.0, cp]])
        Rx = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
        R_world_body = Rz @ Ry @ Rx @ R_VEHICLE_CAM @ T_body_cam[:3, :3].T
        q[k] = quaternion_from_matrix(R_world_body)
        if k and q[k] @ q[k - 1] < 0.0:
            q[k] = -q[k]
        p[k] = p_vehicle[k] - R_world_body @ T_body_cam[:3, 3]
    return motion_from_controls(t, p, q, -LEAD_S, duration + LEAD_S)

# SPDX-License-Identifier: Apache-2.0
"""One camera: closed form, start in motion and from rest, scale and its deviation, dead cameras."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.accuracy import CLIP
from tests.consistency import make_simulation, pose_nees, run_experiment, true_noise_config
from tests.simulation import START_NS, Simulation
from vio.backend.closed_form import solve_motion
from vio.backend.gyro_bias import Views, _coplanarity_rows, correct_gyro_bias, pairs_of
from vio.camera import StereoRig, mono_rig
from vio.config import Config, load_config
from vio.data import State, StereoFrame
from vio.datasets import open_dataset
from vio.datasets.mono import LeftCamera
from vio.datasets.tracks import TrackFrame
from vio.engines import make_odometry
from vio.eval.align import align
from vio.geometry import exp_so3
from vio.imu import GRAVITY_M_S2, intervals, preintegrate
from vio.odometry import run
from vio.trajectory import interpolate


def replay(*settings: str) -> Config:
    return load_config("euroc", ['frontend.engine="replay"', *settings])


def run_mono(sim: Simulation, *settings: str) -> list[State]:
    """Return the states of a simulation with its left camera alone."""
    data = LeftCamera(sim)
    return list(run(data, make_odometry(data.rig, data.imu_noise, replay(*settings))))


def errors_m(sim: Simulation, states: list[State]) -> tuple[np.ndarray, float]:
    """Return the errors of position (N, 3) after SE3 alignment, and what scales the estimate."""
    posed = [s for s in states if s.p_world_body is not None]
    p = np.array([s.p_world_body for s in posed])
    truth = sim.ground_truth.p_world_body[[s.frame_index for s in posed]]
    a = align(p, truth, "se3")
    return p @ a.R.T + a.t - truth, align(p, truth, "sim3").scale


def views_of(sim: Simulation, frames: range, sigma: float) -> Views:
    """Return the rays of a simulation's tracks that all of some frames see."""
    chosen = [sim._frames[k] for k in frames]
    ids = sorted(set.intersection(*(set(f.ids.tolist()) for f in chosen)))
    camera = sim.rig.left
    u = np.empty((len(ids), len(chosen), 3))
    for k, f in enumerate(chosen):
        at = np.searchsorted(f.ids, ids)
        rays = np.column_stack([camera.unproject(f.uv_left[at]), np.ones(len(ids))])
        rays /= np.linalg.norm(rays, axis=1)[:, None]
        u[:, k] = rays @ camera.T_body_cam[:3, :3].T
    seen = np.ones(u.shape[:2], bool)
    return Views(u, seen, camera.T_body_cam[:3, 3], np.zeros(len(ids), np.int64), sigma)


def preintegrations(sim: Simulation, frames: range, bias: np.ndarray) -> list:
    start = int(sim.frame_t_ns[frames[0]])
    out = []
    for k in frames:
        imu = sim.imu
        end = int(sim.frame_t_ns[k])
        if end == start:
            dt, gyro, accel = np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3))
        else:
            dt, gyro, accel = intervals(imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2, start, end)
        out.append(preintegrate(dt, gyro, accel, bias[:3], bias[3:], sim.imu_noise))
    return out


# Closed form --------------------------------------------------------------------------------------


def test_the_derivative_of_the_coplanarity_is_that_of_its_cost() -> None:
    rng = np.random.default_rng(3)
    u_i = rng.normal(size=(30, 3)) + np.array([4.0, 0.0, 0.0])
    R = exp_so3(np.array([0.05, -0.1, 0.2]))
    moved = u_i - [0.3, 0.4, 0.1]
    u_j = moved @ R + rng.normal(0, 0.003, (30, 3))  # R takes rays of j to i
    u_i, u_j = (u / np.linalg.norm(u, axis=1)[:, None] for u in (u_i, u_j))
    J = rng.normal(size=(3, 3))

    def cost(b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        H, g = np.zeros((3, 3)), np.zeros(3)
        turned = np.ascontiguousarray(R @ exp_so3(J @ b))
        return _coplanarity_rows(u_i, u_j, turned, J, 0.003, 1e9, H, g), g, H

    h = 1e-6
    numeric = [(cost(h * e)[0] - cost(-h * e)[0]) / (2 * h) for e in np.eye(3)]
    _, g, H = cost(np.zeros(3))
    assert np.allclose(g, numeric, rtol=1e-3, atol=1e-3 * np.abs(numeric).max())
    assert np.linalg.eigvalsh(H)[0] > 0.0


@cache
def quiet_motion(seed: int) -> Simulation:
    return Simulation(seed, 3.0, pixel_sigma=0.05, distortion=(0.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gyro_bias_gravity_velocity_and_scale_follow_from_the_tracks(seed: int) -> None:
    sim = quiet_motion(seed)
    frames = range(0, 24, 2)
    views = views_of(sim, frames, 0.05 / 458.0)
    t_s = (sim.frame_t_ns[list(frames)] - START_NS) * 1e-9
    bias = np.zeros(6)
    pairs = pairs_of(views, t_s, (0.1, 0.3, 0.6))
    assert len(pairs) > 20
    for _ in range(2):
        pres = preintegrations(sim, frames, bias)
        bias[:3] += correct_gyro_bias(views, pres, pairs, -bias[:3], np.full(3, 0.1), 1.5)
    assert np.abs(bias[:3] - sim.gyro_bias).max() < 1e-3
    assert np.abs(sim.gyro_bias).max() > 5e-3
    bias[3:] = sim.accel_bias
    pres = preintegrations(sim, frames, bias)
    motion = solve_motion(
        views, pres, t_s, pres[-1].dv / pres[-1].dt_s, sim.accel_bias, np.full(3, 0.02), 1.5
    )
    R0, p0 = sim.pose(0.0)
    assert np.degrees(np.arccos(-motion.gravity @ R0[2] / GRAVITY_M_S2)) < 0.3
    _, p = sim.poses(t_s)
    truth = (p - p0) @ R0
    assert np.abs(motion.p - truth).max() < 0.03 * np.abs(truth).max()
    ahead = motion.distance > 0.0
    assert ahead.mean() > 0.9


# Start and scale ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_camera_starts_in_motion_and_its_scale_is_as_good_as_stated() -> None:
    ratios = []
    for seed in range(6):
        sim = Simulation(seed, 6.0)
        states = run_mono(sim)
        errors, scale = errors_m(sim, states)
        assert states[-1].status == "tracking"
        assert {s.segment for s in states if s.p_world_body is not None} == {1}
        assert np.sqrt(np.mean(np.sum(errors**2, axis=1))) < 0.04
        assert 0.95 < scale < 1.05
        first = next(s for s in states if s.p_world_body is not None)
        assert (first.t_ns - START_NS) * 1e-9 < 2.5
        assert first.scale_sigma is not None
        ratios.append((scale - 1.0) / first.scale_sigma)
    assert np.sqrt(np.mean(np.square(ratios))) < 2.0


@pytest.mark.slow
def test_at_rest_the_scale_is_not_known_and_the_status_says_so() -> None:
    sim = Simulation(0, 7.0, motion="rest")
    states = run_mono(sim)
    at_rest = [s for s in states if 1.0 < (s.t_ns - START_NS) * 1e-9 < 4.0]
    assert {s.status.value for s in at_rest} == {"initializing"}
    assert all(s.reason.startswith("scale unknown: parallax 0.") for s in at_rest)
    assert states[-1].status == "tracking"
    errors, scale = errors_m(sim, states)
    assert np.sqrt(np.mean(np.sum(errors**2, axis=1))) < 0.02
    assert 0.98 < scale < 1.02


@pytest.mark.slow
def test_straight_flight_shows_no_scale_and_none_is_claimed() -> None:
    states = run_mono(Simulation(0, 5.0, motion="straight"))
    assert {s.status.value for s in states} == {"initializing"}
    assert states[-1].reason.startswith("scale ")


@pytest.mark.slow
def test_a_scale_known_badly_is_a_status_of_its_own() -> None:
    states = run_mono(Simulation(0, 4.0), "backend.scale_sigma=0.015")
    named = [s.status.value for s in states if s.p_world_body is not None]
    count = named.count("unscaled")
    assert 0 < count < len(named)
    assert named == ["unscaled"] * count + ["tracking"] * (len(named) - count)
    unscaled = [s for s in states if s.status == "unscaled"]
    assert all(s.scale_sigma > 0.015 and "scale known to" in s.reason for s in unscaled)


@pytest.mark.slow
def test_hovering_after_the_start_keeps_pose_and_scale() -> None:
    sim = Simulation(0, 16.0, motion="hover")
    states = run_mono(sim)
    posed = [s for s in states if s.p_world_body is not None]
    assert {s.status.value for s in posed} == {"tracking"}
    assert {s.segment for s in posed} == {1}
    errors, _ = errors_m(sim, states)
    assert np.linalg.norm(errors[-1]) < 0.06
    assert posed[-1].scale_sigma < 0.01


class DeadRight:
    """Pass a simulation on with no right pixels for some time."""

    def __init__(self, sim: Simulation, start_s: float, end_s: float) -> None:
        self._sim, self._span = sim, (start_s, end_s)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sim, name)

    def frames(self, start_ns: int | None = None, until_ns: int | None = None) -> Iterator:
        for f in self._sim.frames():
            dead = self._span[0] <= (f.t_ns - START_NS) * 1e-9 < self._span[1]
            yield replace(f, uv_right=np.full_like(f.uv_left, np.nan)) if dead else f


@pytest.mark.slow
def test_a_right_camera_that_dies_and_comes_back_ends_no_segment() -> None:
    sim = Simulation(1, 14.0, motion="tour")
    data = DeadRight(sim, 4.0, 10.0)
    states = list(run(data, make_odometry(sim.rig, sim.imu_noise, replay())))
    posed = [s for s in states if s.p_world_body is not None]
    assert {s.segment for s in posed} == {1}
    assert {s.status.value for s in posed} <= {"tracking", "unscaled"}
    t = (np.array([s.t_ns for s in states]) - START_NS) * 1e-9
    stated = [s.scale_sigma is not None for s in states]
    assert not any(x for x, at in zip(stated, t, strict=True) if at < 4.9 or at >= 10.0)
    assert all(x for x, at in zip(stated, t, strict=True) if 5.1 < at < 9.9)
    errors, _ = errors_m(sim, states)
    assert np.sqrt(np.mean(np.sum(errors**2, axis=1))) < 0.08


@pytest.mark.slow
def test_a_pair_that_never_had_a_right_camera_starts_with_the_left_one() -> None:
    sim = Simulation(2, 5.0)
    data = DeadRight(sim, 0.0, 9.0)
    states = list(run(data, make_odometry(sim.rig, sim.imu_noise, replay())))
    assert states[-1].status == "tracking"
    first = next(s for s in states if s.p_world_body is not None)
    assert (first.t_ns - START_NS) * 1e-9 >= 1.0  # init.mono_after_s


# Consistency --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nees_of_one_camera_lies_in_the_band() -> None:
    values = []
    for seed in (0, 1, 2):
        sim = make_simulation(seed)
        sim.rig = mono_rig(sim.rig.left)
        sim._frames = [replace(f, uv_right=np.full_like(f.uv_left, np.nan)) for f in sim._frames]
        states, R, p = run_experiment(sim, true_noise_config())
        assert states[-1].segment == 1
        values.append(pose_nees(sim, states, R, p)[:, 0].mean())
    assert 0.7 < np.mean(values) < 1.6


# Images -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_real_clip_with_one_camera(real_data: Path) -> None:
    data = open_dataset(real_data / CLIP, mono=True)
    states = list(run(data, make_odometry(data.rig, data.imu_noise)))
    truth = data.ground_truth
    late = [s for s in states if s.t_ns >= data.frame_t_ns[0] + 3_000_000_000]
    assert {s.status.value for s in late} == {"tracking"}
    assert late[-1].segment == 1
    inside = [s for s in late if s.t_ns <= truth.t_ns[-1]]
    p = np.array([s.p_world_body for s in inside])
    reference = interpolate(truth, np.array([s.t_ns for s in inside])).p_world_body
    a = align(p, reference, "se3")
    assert np.sqrt(np.mean(np.sum((p @ a.R.T + a.t - reference) ** 2, axis=1))) < 0.010


def test_mono_frames_of_a_pair_are_recognised() -> None:
    sim = Simulation(0, 0.2)
    odometry = make_odometry(sim.rig, sim.imu_noise, replay())
    frame = sim._frames[0]
    assert not odometry._is_mono(frame)
    blind = replace(frame, uv_right=np.full_like(frame.uv_left, np.nan))
    assert odometry._is_mono(blind)
    image = np.zeros((480, 752), np.uint8)
    assert odometry._is_mono(StereoFrame(0, image, None))
    assert not odometry._is_mono(StereoFrame(0, image, image))
    assert isinstance(frame, TrackFrame)


def test_a_rig_of_one_camera_is_known_as_one() -> None:
    left = Simulation(0, 0.1).rig.left
    assert mono_rig(left).is_mono
    assert not StereoRig(left, replace(left)).is_mono

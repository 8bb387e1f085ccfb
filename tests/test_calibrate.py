# SPDX-License-Identifier: Apache-2.0
"""Time offset and rig pose estimated in flight: derivatives, planted errors, no running away."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.consistency import make_simulation, pose_nees, run_experiment, true_noise_config
from tests.simulation import Simulation
from vio.backend.calibrated import FAR, SETTLED_S, SIZE, CalibratedWindow
from vio.backend.exposure import move
from vio.backend.relative import ray_of, views
from vio.backend.states import POSITION
from vio.backend.window import ACTIVE, Window
from vio.camera import StereoRig
from vio.config import Config, load_config
from vio.data import Calibration, State
from vio.datasets import open_dataset
from vio.datasets.bags.source import Source
from vio.datasets.base import Dataset
from vio.engines import make_odometry
from vio.errors import VioError
from vio.geometry import (
    exp_so3,
    invert_transform,
    log_so3,
    transform_from,
)
from vio.imu import ImuNoise, intervals, preintegrate
from vio.odometry import Odometry, run
from vio.runs.calibration import given_time_offset_ms, write_calibration

ON = ("calibrate.time_offset=true", "calibrate.extrinsics=true")
TURN = np.radians([1.7, -1.7, 1.7])  # 3 degrees
SHIFT = np.array([0.012, -0.012, 0.01])  # 2 cm


def settings(*more: str) -> Config:
    return load_config("euroc", ['frontend.engine="replay"', *ON, *more])


class Planted:
    """Show a simulation with stamps that are off and a rig that is mounted elsewhere."""

    def __init__(self, sim: Simulation, late_s: float, turn: np.ndarray, shift: np.ndarray) -> None:
        D = invert_transform(transform_from(exp_so3(turn), shift))
        cameras = (replace(c, T_body_cam=D @ c.T_body_cam) for c in (sim.rig.left, sim.rig.right))
        self.rig = StereoRig(*cameras)
        self.imu, self.imu_noise = sim.imu, sim.imu_noise
        self._frames = [replace(f, t_ns=f.t_ns - round(late_s * 1e9)) for f in sim.frames()]

    def frames(self) -> Iterator:
        return iter(self._frames)


def estimated(data: "Planted | Late", config: Config) -> tuple[Odometry, list[State]]:
    odometry = make_odometry(data.rig, data.imu_noise, config)
    return odometry, list(run(data, odometry))


def rays_of(w: CalibratedWindow, R: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the rays of a window's landmarks in its newest frame and both cameras."""
    rows = np.flatnonzero(w.lm_state == ACTIVE)[:12]
    slots = np.array(w.order, np.int64)
    seen = views(w.rig, R, p, np.ones(len(R), bool), slots)
    t = w.order[-1]
    return np.concatenate(
        [ray_of(seen[w.host[r], t, cam], w.lm[r])[:2] for r in rows for cam in (0, 1)]
    )


def test_the_derivative_by_the_calibration_is_that_of_moved_poses() -> None:
    sim = Simulation(0, SETTLED_S + 2.0)
    odometry, _ = estimated(Planted(sim, 0.004, TURN, SHIFT), settings())
    w = odometry.estimator.window
    assert isinstance(w, CalibratedWindow)
    w.R_lin[:], w.vec_lin[:] = w.R, w.vec
    assert abs(w.time_offset_s) > 1e-3
    assert max(np.abs(w._exposures.motion(s, 0.004).rate).max() for s in w.order) > 0.05
    slots = np.array(w.order, np.int64)
    arrays = w.visual_arrays(slots)
    h = 1e-6
    by_pose = np.zeros((len(rays_of(w, arrays.R, arrays.p)), SIZE))
    for s, A in w.pose_derivatives().items():
        for k in range(6):
            sides = []
            for sign in (h, -h):
                R, p = arrays.R.copy(), arrays.p.copy()
                if k < 3:
                    R[s] = exp_so3(sign * np.eye(3)[k]) @ R[s]
                else:
                    p[s, k - 3] += sign
                sides.append(rays_of(w, R, p))
            by_pose += np.outer((sides[0] - sides[1]) / (2 * h), A[k])
    for k in range(SIZE):
        saved = w.save()
        sides = []
        for sign in (h, -h):
            w._move(sign * np.eye(SIZE)[k])
            moved = w.visual_arrays(slots)
            sides.append(rays_of(w, moved.R, moved.p))
            w.restore(saved)
        numeric = (sides[0] - sides[1]) / (2 * h)
        assert np.abs(numeric).max() > 1e-4
        assert np.allclose(by_pose[:, k], numeric, atol=1e-5 + 1e-4 * np.abs(numeric).max())


@pytest.mark.slow
@pytest.mark.parametrize("late_s", [0.005, -0.02])
def test_planted_errors_are_found_within_their_deviations(late_s: float) -> None:
    sim = Simulation(1, 20.0, motion="tour")
    config = settings("calibrate.time_offset_sigma_ms=20")
    _, states = estimated(Planted(sim, late_s, TURN, SHIFT), config)
    assert {s.segment for s in states if s.p_world_body is not None} == {1}
    found = states[-1].calibration
    assert found is not None
    error = np.concatenate(
        [
            [found.time_offset_s - late_s],
            log_so3(np.ascontiguousarray(found.R @ exp_so3(TURN).T)),
            found.p - found.R @ exp_so3(TURN).T @ SHIFT,
        ]
    )
    assert abs(error[0]) < 0.5e-3
    assert np.degrees(np.linalg.norm(error[1:4])) < 0.3
    assert np.abs(error / found.sigma).max() < 4.0
    assert found.sigma[0] < 0.5e-3
    first = next(s.calibration for s in states if s.calibration is not None)
    assert (found.sigma < first.sigma).all()


@pytest.mark.slow
@pytest.mark.parametrize("motion", ["rest", "hover", "straight"])
def test_what_the_motion_does_not_show_does_not_run_away(motion: str) -> None:
    sim = Simulation(0, 4.0 if motion == "rest" else 14.0 if motion == "hover" else 10.0, motion)
    _, states = estimated(Planted(sim, 0.0, np.zeros(3), np.zeros(3)), settings())
    prior = np.repeat([0.010, math.radians(3.0), 0.02], [1, 3, 3])
    for s in states:
        if s.calibration is None:
            continue
        c = s.calibration
        error = np.concatenate([[c.time_offset_s], log_so3(np.ascontiguousarray(c.R)), c.p])
        assert np.abs(error / c.sigma).max() < 4.5
        # At most as wrong as what was given may be: a hover begins with a take-off.
        assert np.abs(error / prior).max() < {"rest": 1e-3, "straight": 0.1, "hover": 1.0}[motion]
    assert np.abs(error / prior).max() < 0.5
    last = states[-1].calibration
    assert last is not None
    if motion != "hover":  # which has moved before
        assert (last.sigma[4:] > 0.5 * prior[4:]).any()


@pytest.mark.slow
def test_what_was_learnt_is_forgotten_only_far_from_where_it_was_learnt() -> None:
    """A landing's bump late in a flight, after a slow drift, must not cost all of it."""
    sim = Simulation(1, 14.0, motion="tour")
    data = Planted(sim, 0.005, TURN, SHIFT)
    odometry = make_odometry(data.rig, data.imu_noise, settings())
    weights = []
    for state in run(data, odometry):
        w = odometry.estimator.window
        if isinstance(w, CalibratedWindow) and state.t_ns > sim.frame_t_ns[0] + 8_000_000_000:
            weights.append(w._kept_weight)
    assert isinstance(w, CalibratedWindow)
    assert weights == sorted(weights)  # nothing is forgotten once the plant is found
    assert weights[-1] > 2.0 * weights[0] > 0.0
    assert (np.abs(w._step - w._kept_at) < 0.5 * FAR).all()  # it is where most was learnt
    w._kept_from = w._step - 2.0 * FAR  # so far it has drifted since keeping began
    learnt_at = w._kept_at.copy()
    w._move(learnt_at + 0.4 * FAR - w._step)
    w.shed(lambda: None)
    assert w._kept_weight >= weights[-1]
    w._move(learnt_at + 0.6 * FAR - w._step)
    w.shed(lambda: None)
    assert w._kept_weight < 1e-3 * weights[-1]
    np.testing.assert_allclose(w._kept_at, w._step)
    np.testing.assert_allclose(w._kept_from, w._step)


def test_motion_over_a_time_is_that_of_its_inertial_intervals() -> None:
    random = np.random.default_rng(3)
    dt_s = np.full(8, 0.005)
    gyro, accel = random.normal(0.0, 2.0, (8, 3)), random.normal(0.0, 5.0, (8, 3))
    whole = preintegrate(dt_s, gyro, accel, np.zeros(3), np.zeros(3), ImuNoise())
    dR, dv, dp, rate = move(0.04, dt_s, gyro, accel)
    for a, b in ((dR, whole.dR), (dv, whole.dv), (dp, whole.dp), (rate, gyro[-1])):
        np.testing.assert_allclose(a, b, atol=1e-12)
    # Back over the same intervals: the inverse motion.
    R_back, v_back, p_back, _ = move(
        -0.04, dt_s[::-1].copy(), gyro[::-1].copy(), accel[::-1].copy()
    )
    np.testing.assert_allclose(R_back, dR.T, atol=1e-12)
    np.testing.assert_allclose(v_back, -dR.T @ dv, atol=1e-12)
    np.testing.assert_allclose(p_back, -dR.T @ (dp - dv * 0.04), atol=1e-12)
    # Within an interval, and beyond the last one, the rate is constant.
    np.testing.assert_allclose(move(0.002, dt_s, gyro, accel)[0], exp_so3(gyro[0] * 0.002))
    beyond = move(0.05, dt_s, gyro, accel)[0]
    np.testing.assert_allclose(beyond, dR @ exp_so3(gyro[-1] * 0.01), atol=1e-12)


class Late:
    """Show the first seconds of a recording with inertial stamps that are late by so much."""

    def __init__(self, dataset: Dataset, late_s: float, seconds: float) -> None:
        self.rig, self.imu_noise = dataset.rig, dataset.imu_noise
        self.imu = replace(dataset.imu, t_ns=dataset.imu.t_ns + round(late_s * 1e9))
        self._dataset, self._until_ns = dataset, dataset.frame_t_ns[0] + round(seconds * 1e9)
        self._first_ns = int(self.imu.t_ns[0])

    def frames(self) -> Iterator:
        for frame in self._dataset.frames():
            if frame.t_ns > self._until_ns:
                return
            if frame.t_ns > self._first_ns:
                yield frame


@pytest.mark.slow
@pytest.mark.parametrize("late_s", [0.0, 0.005, -0.01])
def test_on_real_tracks_that_stay_in_view_nothing_is_lost_and_nothing_runs_away(
    real_data: Path, late_s: float
) -> None:
    data = Late(open_dataset(real_data / "euroc_tracks" / "imu_april"), late_s, 30.0)
    _, states = estimated(data, settings())
    found = [s.calibration for s in states if s.calibration is not None]
    last = found[-1]
    assert abs(last.time_offset_s - late_s) < 0.2e-3
    # EuRoC's own calibration, by another program, is not farther off than this.
    assert np.degrees(np.linalg.norm(log_so3(np.ascontiguousarray(last.R)))) < 0.3
    assert np.linalg.norm(last.p) < 0.015
    assert last.sigma[0] < 0.1e-3
    settled = np.array([c.sigma for c in found[len(found) // 2 :]])
    assert (settled[1:] < 1.1 * np.minimum.accumulate(settled)[:-1]).all()


@pytest.mark.slow
def test_nees_with_the_calibration_estimated_lies_in_the_band() -> None:
    values = []
    for seed in (0, 1, 2):
        sim = make_simulation(seed)
        base = true_noise_config()
        on = replace(base.calibrate, time_offset=True, extrinsics=True)
        states, R, p = run_experiment(sim, replace(base, calibrate=on))
        values.append(pose_nees(sim, states, R, p)[:, 0].mean())
    assert 0.7 < np.mean(values) < 1.6


def test_off_is_the_default_and_takes_the_window_as_it_was() -> None:
    sim = Simulation(0, 0.1)
    config = load_config("euroc", ['frontend.engine="replay"'])
    assert make_odometry(sim.rig, sim.imu_noise, config).estimator.make_window is Window
    on = make_odometry(sim.rig, sim.imu_noise, settings()).estimator.make_window
    assert isinstance(on, partial)
    assert on.func is CalibratedWindow


@pytest.mark.parametrize(
    "other", ['backend.arithmetic="float32"', 'backend.precision="float32"', 'backend.solver="qr"']
)
def test_other_back_ends_say_so_in_one_line(other: str) -> None:
    sim = Simulation(0, 0.1)
    with pytest.raises(VioError, match=r"calibrate\.\* needs backend\."):
        make_odometry(sim.rig, sim.imu_noise, settings(other))


def test_a_given_time_offset_is_used_without_being_estimated() -> None:
    sim = Simulation(0, 2.0)
    config = load_config("euroc", ['frontend.engine="replay"', "calibrate.time_offset_ms=4"])
    odometry, states = estimated(Planted(sim, 0.004, np.zeros(3), np.zeros(3)), config)
    found = states[-1].calibration
    assert found is not None
    assert found.time_offset_s == pytest.approx(0.004, abs=1e-7)
    assert not found.sigma.any()
    w = odometry.estimator.window
    assert w is not None
    moved = w.visual_arrays(np.array(w.order))
    assert np.abs(moved.p - w.vec[:, POSITION])[w.order].max() > 1e-4


def test_an_image_exposed_after_its_stamp_gets_the_samples_up_to_there() -> None:
    late_s = 0.03
    sim = Simulation(3, 2.0)
    data = Planted(sim, late_s, np.zeros(3), np.zeros(3))
    given = [f"calibrate.time_offset_ms={1e3 * late_s}", 'frontend.engine="replay"']
    odometry = make_odometry(data.rig, data.imu_noise, load_config("euroc", given))
    checked = 0
    for state in run(data, odometry):
        # Samples come 5 ms apart: the last one lies at the exposure or behind it.
        assert odometry.imu_until_ns is not None
        assert late_s <= (odometry.imu_until_ns - state.t_ns) * 1e-9 <= late_s + 0.005
        w = odometry.estimator.window
        if not isinstance(w, CalibratedWindow):
            continue
        found = w._exposures._after[w.order[-1]]
        end_ns = state.t_ns + round(late_s * 1e9)
        imu = (sim.imu.t_ns, sim.imu.gyro_rad_s, sim.imu.accel_m_s2)
        dt_s, gyro, accel = intervals(*imu, state.t_ns, end_ns)
        np.testing.assert_allclose(found.dt_s, dt_s, atol=1e-12)
        for got, samples in ((found.gyro, gyro), (found.accel, accel)):
            bias = samples - got  # the same for all
            assert np.abs(bias - bias[0]).max() < 1e-9
            assert np.ptp(got, axis=0).max() > 0.0
        checked += 1
    assert checked > 20


def test_calibration_yaml_is_what_a_next_run_takes(recording: Path, tmp_path: Path) -> None:
    data = open_dataset(recording)
    R = exp_so3(TURN)
    found = Calibration(0.0123, R, SHIFT, np.full(SIZE, 1e-3))
    write_calibration(tmp_path, data, found)
    file = tmp_path / "calibration.yaml"
    assert given_time_offset_ms(file) == pytest.approx(12.3)
    again = open_dataset(recording, source=Source(file, {}, "header"))
    D = transform_from(R, SHIFT)
    for a, b in ((data.rig.left, again.rig.left), (data.rig.right, again.rig.right)):
        assert np.allclose(D @ a.T_body_cam, b.T_body_cam)
        assert (a.fx, a.fy, a.cx, a.cy, a.distortion) == (b.fx, b.fy, b.cx, b.cy, b.distortion)
    assert again.imu_noise == data.imu_noise
    assert given_time_offset_ms(recording / "imu0" / "sensor.yaml") is None
    assert given_time_offset_ms(recording) is None

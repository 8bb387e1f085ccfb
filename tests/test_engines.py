# SPDX-License-Identifier: Apache-2.0
"""The choice of engines: what each setting makes, and that it is handed in."""

import subprocess
import sys

import numpy as np
import pytest

import vio
from tests.simulation import Simulation, make_rig
from vio.backend.window import Window
from vio.config import Config, ImuConfig, load_config
from vio.engines import (
    make_frontend,
    make_kernels,
    make_odometry,
    make_preintegrate,
    make_window,
    scaled_noise,
)
from vio.fixed.frontend import FixedFrontEnd
from vio.float32 import imu as imu32
from vio.float32.kernels import Kernels
from vio.float32.window import Window32
from vio.frontend.float import FloatFrontEnd
from vio.frontend.replay import ReplayFrontEnd
from vio.imu import ImuNoise, preintegrate


def test_the_package_exports_the_constructor_without_importing_the_engines() -> None:
    code = (
        "import sys, vio\n"
        "assert 'make_odometry' in vio.__all__\n"
        "assert not {'numpy', 'numba', 'vio.engines'} & set(sys.modules)\n"
        "from vio import make_odometry\n"
        "assert 'vio.engines' in sys.modules and 'vio.hw' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert vio.make_odometry is make_odometry
    with pytest.raises(AttributeError, match="make_odometer"):
        _ = vio.make_odometer


@pytest.mark.parametrize(
    ("engine", "cls"),
    [("float", FloatFrontEnd), ("fixed", FixedFrontEnd), ("replay", ReplayFrontEnd)],
)
def test_frontend_engine_chooses_the_front_end(engine: str, cls: type) -> None:
    config = load_config("euroc", [f"frontend.engine={engine}"])
    assert type(make_frontend(make_rig(), config)) is cls


def test_backend_imu_chooses_the_preintegration() -> None:
    assert make_preintegrate("float") is preintegrate
    assert make_preintegrate("float32") is imu32.preintegrate


def test_backend_arithmetic_chooses_kernels_and_window() -> None:
    assert make_kernels("float") is None
    kernels = make_kernels("float32")
    assert type(kernels) is Kernels
    assert make_window(None) is Window
    window = make_window(kernels)(make_rig(), ImuNoise(), Config().backend, 12)
    assert isinstance(window, Window32)
    assert window.kernels is kernels


def test_what_is_given_is_used_instead_of_the_settings() -> None:
    sim = Simulation(7, seconds=0.5)
    frontend, kernels = ReplayFrontEnd(sim.rig, Config()), Kernels()
    odometry = make_odometry(sim.rig, sim.imu_noise, frontend=frontend, kernels=kernels)
    assert odometry.config == Config()
    assert odometry.frontend is frontend
    window = odometry.estimator.make_window(sim.rig, sim.imu_noise, Config().backend, 12)
    assert isinstance(window, Window32)
    assert window.kernels is kernels


def test_the_noise_densities_are_scaled_by_the_settings() -> None:
    factors = ImuConfig(
        gyro_noise_scale=2.0, accel_noise_scale=3.0, gyro_walk_scale=5.0, accel_walk_scale=7.0
    )
    got = scaled_noise(ImuNoise(100.0, 1.0, 1.0, 1.0, 1.0), factors)
    assert got == ImuNoise(100.0, gyro_noise=2.0, gyro_walk=5.0, accel_noise=3.0, accel_walk=7.0)
    sim = Simulation(7, seconds=0.5)
    assert make_odometry(sim.rig, sim.imu_noise).estimator.noise == scaled_noise(
        sim.imu_noise, ImuConfig()
    )


def test_the_noise_of_a_very_good_sensor_ends_at_the_floors() -> None:
    good = ImuNoise(100.0, 1e-9, 1e-9, 1e-9, 1e-9)
    c = ImuConfig()
    got = scaled_noise(good, c)
    assert (got.gyro_noise, got.accel_noise) == (c.gyro_noise_floor, c.accel_noise_floor)
    assert (got.gyro_walk, got.accel_walk) == (2e-9, 1e-9)
    assert scaled_noise(ImuNoise(), c).gyro_noise == ImuNoise().gyro_noise * c.gyro_noise_scale


def test_looking_at_a_window_does_not_move_its_linearisation_points() -> None:
    window = Window(make_rig(), ImuNoise(), Config().backend, 4)
    slots = [window.add_frame(k, np.eye(3), np.full(12, float(k)), True) for k in range(2)]
    window.linearized[slots[0]] = True
    window.vec[:] += 1.0
    before = window.vec_lin.copy()
    visual = window.visual_arrays(np.array(slots))
    np.testing.assert_array_equal(window.vec_lin, before)
    assert np.shares_memory(visual.p_lin, window.vec_lin)
    window.refresh_linearization_points()
    np.testing.assert_array_equal(window.vec_lin[slots[1]], window.vec[slots[1]])
    np.testing.assert_array_equal(window.vec_lin[slots[0]], before[slots[0]])
    assert not np.array_equal(window.vec[slots[0]], before[slots[0]])

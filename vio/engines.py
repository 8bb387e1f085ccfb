# SPDX-License-Identifier: Apache-2.0
"""What a run is made of: its front end, preintegration and back-end arithmetic, by its settings.

Only this module knows all engines. It makes them and hands them in; nothing below imports it, and
each is imported when it is chosen.
"""

import math
from functools import partial

import numpy as np

from vio.backend.estimator import Estimator
from vio.backend.window import MakeWindow, Window
from vio.camera import StereoRig
from vio.config import Config, ImuConfig
from vio.data import Calibration
from vio.errors import VioError
from vio.float32.kernels import Kernels
from vio.frontend.base import ADAPTIVE, FrontEnd, check_sizes
from vio.handover import CameraHandover
from vio.imu import ImuNoise, Preintegrate, preintegrate
from vio.odometry import Odometry


def make_odometry(
    rig: StereoRig,
    noise: ImuNoise,
    config: Config | None = None,
    *,
    frontend: FrontEnd | None = None,
    kernels: Kernels | None = None,
) -> Odometry:
    """Return an odometry for a rig and the noise densities of its inertial sensor.

    config: all settings (default: those of the dataclasses, engine float). frontend, kernels: used
    instead of those that frontend.engine and backend.arithmetic choose.
    Raises VioError for settings that contradict each other, and where a tool is missing.
    """
    config = config or Config()
    _check_adaptive(config)
    estimator = Estimator(
        rig,
        scaled_noise(noise, config.imu),
        config,
        make_preintegrate(config.backend.imu),
        make_calibrated(config) if config.calibrate.is_on else _make_window(config, kernels),
    )
    frontend = frontend or make_frontend(rig, config)
    return Odometry(rig, config, frontend, estimator, _make_handover(rig, config, frontend))


def _make_window(config: Config, kernels: Kernels | None) -> MakeWindow:
    """Return what makes the windows of backend.arithmetic; kernels: instead of it."""
    if kernels is None and config.backend.arithmetic == "rtl":
        from vio.hw.cosim import backend

        return backend.make_window(backend.BackendEngine(config.backend.lanes.bit_length() - 1))
    return make_window(kernels or make_kernels(config.backend.arithmetic))


def _make_handover(rig: StereoRig, config: Config, frontend: FrontEnd) -> CameraHandover | None:
    """Return what lets the right camera lead; None where there is none, or settings move."""
    from vio.frontend.float import FloatFrontEnd

    after_s = config.frontend.right_after_s
    if rig.is_mono or config.adaptive.on or after_s <= 0.0 or type(frontend) is not FloatFrontEnd:
        return None
    return CameraHandover(rig, frontend, after_s, partial(FloatFrontEnd, config=config))


def make_frontend(rig: StereoRig, config: Config, trace: bool = False) -> FrontEnd:
    """Return the front end of frontend.engine; raises VioError for images too small for it.

    trace: let it record the range of its signals, which only engine fixed does.
    """
    if trace and config.frontend.engine != "fixed":
        raise VioError(
            f"engine {config.frontend.engine} has no signals to trace; choose --engine fixed, "
            "which is bit-exact with rtl"
        )
    if config.frontend.engine != "replay":
        check_sizes(rig, config.frontend)
    match config.frontend.engine:
        case "fixed":
            from vio.fixed.frontend import FixedFrontEnd

            return FixedFrontEnd(rig, config, trace)
        case "rtl":
            from vio.hw.cosim.engine import RtlFrontEnd

            return RtlFrontEnd(rig, config)
        case "opencv":
            from vio.frontend.opencv import OpenCvFrontEnd

            return OpenCvFrontEnd(rig, config)
        case "replay":
            from vio.frontend.replay import ReplayFrontEnd

            return ReplayFrontEnd(rig, config)
    from vio.frontend.float import FloatFrontEnd

    return FloatFrontEnd(rig, config)


def _check_adaptive(config: Config) -> None:
    """Raise VioError for an adaptive run of what has no settings that may move, or none tried."""
    engine = config.frontend.engine
    if not config.adaptive.on:
        return
    if engine not in ADAPTIVE:
        raise VioError(
            f"engine {engine} has no settings that move in flight; without --adaptive "
            f"(adaptive.on), or with --engine {', '.join(ADAPTIVE)}"
        )
    if config.calibrate.is_on:
        raise VioError("adaptive.on and calibrate.* do not go together; leave one of them out")


def make_preintegrate(choice: str) -> Preintegrate:
    """Return the preintegration of backend.imu.

    float: vio/imu.py. float32: vio/float32/imu.py, in the hardware's order of operations. rtl: the
    block hls/imu.v in Verilator, bit-exact with float32.
    """
    if choice == "float":
        return preintegrate
    from vio.float32 import imu as imu32

    if choice == "float32":
        return imu32.preintegrate
    from vio.hw.hls.imu_block import ImuBlock

    return partial(imu32.preintegrate, integrate=ImuBlock())


def make_kernels(arithmetic: str) -> Kernels | None:
    """Return the kernels of backend.arithmetic; None: float, which has none.

    float32, rtl: the references. xls: the same functions as XLS compiles them for the CPU. xls-rtl:
    their Verilog in Verilator. All three are bit-exact.
    """
    if arithmetic == "float":
        return None
    if arithmetic in ("float32", "rtl"):
        return Kernels()
    from vio.hw.hls.backends import XlsKernels, XlsRtlKernels

    return XlsKernels() if arithmetic == "xls" else XlsRtlKernels()


def make_window(kernels: Kernels | None) -> MakeWindow:
    """Return what makes windows that compute by kernels; None: in the precision that is set."""
    if kernels is None:
        return Window
    from vio.float32.window import Window32

    return partial(Window32, kernels=kernels)


def make_calibrated(config: Config) -> MakeWindow:
    """Return what makes windows that estimate the calibration.

    Raises VioError for an arithmetic that has none: float in float64 with normal equations only.
    """
    backend, calibrate = config.backend, config.calibrate
    for key, only in (("arithmetic", "float"), ("precision", "float64"), ("solver", "cholesky")):
        if getattr(backend, key) != only:
            raise VioError(
                f"calibrate.* needs backend.{key} = {only}, not {getattr(backend, key)}; leave one "
                "of them out"
            )
    from vio.backend.calibrated import CalibratedWindow, Keeper

    sigma = np.repeat(
        [
            calibrate.time_offset_sigma_ms * 1e-3 * calibrate.time_offset,
            math.radians(calibrate.rotation_sigma_deg) * calibrate.extrinsics,
            calibrate.position_sigma_m * calibrate.extrinsics,
        ],
        [1, 3, 3],
    )
    start = Calibration(calibrate.time_offset_ms * 1e-3, np.eye(3), np.zeros(3), sigma)
    return partial(CalibratedWindow, keeper=Keeper(start))


def scaled_noise(noise: ImuNoise, config: ImuConfig) -> ImuNoise:
    """Return the calibration's noise densities times the factors of [imu], above its floors."""
    return ImuNoise(
        noise.rate_hz,
        max(noise.gyro_noise * config.gyro_noise_scale, config.gyro_noise_floor),
        noise.gyro_walk * config.gyro_walk_scale,
        max(noise.accel_noise * config.accel_noise_scale, config.accel_noise_floor),
        noise.accel_walk * config.accel_walk_scale,
    )

# SPDX-License-Identifier: Apache-2.0
"""The inertial sensor by itself: stuck axes, saturation, gravity's norm, noise at rest."""

from collections.abc import Iterator

import numpy as np

from vio.config import ImuConfig
from vio.data import ImuData
from vio.diagnosis.force import WRONG_MEAN
from vio.diagnosis.recording.finding import Finding, bad, good, undetermined
from vio.imu import GRAVITY_M_S2, ImuNoise
from vio.saturation import ACCEL_SPREAD_M_S2, GYRO_SPREAD_RAD_S, RangeLimit

LEAST_SAMPLES = 100
STUCK_SHARE = 0.95  # of the samples equal to the one before, in one axis
STUCK_S = 0.5  # an axis that stands still so long while others move
REPEATED_SHARE = 0.3  # of the samples equal to the one before in all axes
SATURATED_SHARE = 1e-3  # of the samples; fewer are weighted down by the odometry
SENSORS = (("gyro", "gyroscope", "rad/s"), ("accel", "accelerometer", "m/s^2"))
AXES = "xyz"


def values_of(imu: ImuData, sensor: str) -> np.ndarray:
    """Return the samples (N, 3) of "gyro" or "accel"."""
    return imu.gyro_rad_s if sensor == "gyro" else imu.accel_m_s2


def check_axes(imu: ImuData) -> Iterator[Finding]:
    """Yield axes that are stuck, and samples that are repeated."""
    if len(imu) < LEAST_SAMPLES:
        yield undetermined("stuck_axis", "stuck axes", f"only {len(imu)} inertial samples")
        return
    step_s = float(np.median(np.diff(imu.t_ns))) * 1e-9
    both = np.hstack([imu.gyro_rad_s, imu.accel_m_s2])
    same = np.diff(both, axis=0) == 0.0
    repeated = float(same.all(axis=1).mean())
    if repeated > REPEATED_SHARE:
        yield bad(
            "repeated_samples", "repeated samples", f"{100 * repeated:.0f} % of the inertial "
            "samples equal the one before in all axes",
            "the driver is faster than the sensor: record at the sensor's own rate",
            share=repeated,
        )  # fmt: skip
    moving = ~same.all(axis=1)
    stuck = []
    for k in range(6):
        longest = _longest_run(same[:, k] & moving) * step_s
        share = float(same[moving, k].mean()) if moving.any() else 1.0
        if share > STUCK_SHARE or longest > STUCK_S:
            name = f"{SENSORS[k // 3][1]} {AXES[k % 3]}"
            stuck.append(f"{name} keeps {both[-1, k]:.4g} for up to {longest:.1f} s")
    if stuck:
        yield bad(
            "stuck_axis", "stuck axes", "; ".join(stuck),
            "read the driver's conversion and the sensor's self-test; such an axis carries nothing",
            axes=len(stuck),
        )  # fmt: skip
    else:
        yield good("stuck_axis", "stuck axes", "all six axes move", axes=0)


def _longest_run(flags: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def check_saturation(imu: ImuData) -> Iterator[Finding]:
    """Yield how many samples stand at the end of each sensor's range."""
    for (sensor, name, unit), spread in zip(
        SENSORS, (GYRO_SPREAD_RAD_S, ACCEL_SPREAD_M_S2), strict=True
    ):
        values = values_of(imu, sensor)
        limit = RangeLimit(spread)
        count = sum(limit.add(row) for row in values)
        share = count / max(len(values), 1)
        text = f"{count} of {len(values)} samples; largest {np.abs(values).max():.3g} {unit}"
        kind = f"{sensor}_saturated"
        if share > SATURATED_SHARE:
            yield bad(
                kind, f"{name} saturation", text + ", reached again and again, never passed",
                "set the sensor to a larger range, or damp its mounting", share=share,
            )  # fmt: skip
        else:
            yield good(kind, f"{name} saturation", text, share=share)


# Of the norm at rest: the biases of cheap accelerometers reach 0.06 g (BMI160 and MPU-6050: +-0.04
# to 0.08 g), and 5 % of scale is ten times what their data sheets state.
REST_GRAVITY_M_S2 = 0.6


def check_gravity(imu: ImuData, rest: np.ndarray, rotated_norm: float) -> Finding:
    """Return gravity's norm: at rest (N,) bool, or rotated_norm, of the force turned to one frame.

    rotated_norm: NaN where the motion leaves it open.
    """
    kind, what = "gravity", "gravity's norm"
    advice = "check units, range and resolution of the accelerometer; calibrate scale and bias"
    if np.count_nonzero(rest) >= LEAST_SAMPLES:
        norm = float(np.linalg.norm(imu.accel_m_s2[rest].mean(axis=0)))
        text = f"{norm:.3f} m/s^2 at rest, 9.81 expected"
        wrong = abs(norm - GRAVITY_M_S2) > REST_GRAVITY_M_S2
    elif np.isfinite(rotated_norm):
        norm = rotated_norm
        text = f"{norm:.2f} m/s^2 in motion, rotated by the gyroscope, 9.81 expected"
        wrong = abs(norm / GRAVITY_M_S2 - 1.0) > WRONG_MEAN
    else:
        return undetermined(kind, what, "the recording is too short and never at rest")
    return bad(kind, what, text, advice, norm=norm) if wrong else good(kind, what, text, norm=norm)


def rotated_gravity(imu: ImuData, orientation: np.ndarray, window_s: float = 4.0) -> float:
    """Return the median norm of the mean force over windows, rotated to one frame; NaN if short.

    orientation: (N, 3, 3), body to one frame, at the samples. The mean acceleration over a window
    is the change of velocity by its length: 0.25 m/s^2 for 1 m/s over 4 s.
    """
    step_s = float(np.median(np.diff(imu.t_ns))) * 1e-9
    size = round(window_s / step_s)
    if len(imu) < size or size < LEAST_SAMPLES:
        return float("nan")
    force = np.einsum("nij,nj->ni", orientation, imu.accel_m_s2)
    total = np.concatenate([np.zeros((1, 3)), np.cumsum(force, axis=0)])
    starts = np.arange(0, len(imu) - size + 1, max(size // 4, 1))
    return float(np.median(np.linalg.norm(total[starts + size] - total[starts], axis=1) / size))


ALLAN_SHARE = 1.0 / 9.0  # of the rest that the longest interval may be (IEEE Std 952-1997)
REST_S = 1.5  # of stand-still without a break, at least
TOO_LARGE = 10.0  # times the measured density; the units are then wrong


def allan_deviation(
    values: np.ndarray, rate_hz: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return averaging times (M,) s, overlapping Allan deviations (M, 3), relative errors (M,).

    values: (N, 3) at rate_hz. The errors are standard deviations, 1 / sqrt(2 (N / m - 1)).
    Source: IEEE Std 952-1997, annex C.
    """
    n = len(values)
    most = max(int(n * ALLAN_SHARE), 1)
    sizes = np.unique(np.round(np.geomspace(1, most, 30)).astype(int))
    total = np.concatenate([np.zeros((1, 3)), np.cumsum(values - values.mean(axis=0), axis=0)])
    deviations, errors = [], []
    for m in sizes:
        d = (total[2 * m :] - 2.0 * total[m:-m] + total[: -2 * m]) / m
        deviations.append(np.sqrt(0.5 * np.mean(d * d, axis=0)))
        errors.append(1.0 / np.sqrt(2.0 * (n / m - 1.0)))
    return sizes / rate_hz, np.array(deviations), np.array(errors)


def check_noise(
    imu: ImuData, longest_rest: slice, noise: ImuNoise, config: ImuConfig
) -> Iterator[Finding]:
    """Yield each sensor's noise density at rest against the calibration's.

    The density is the least of deviation * sqrt(time) over the averaging times: white noise has the
    same at all of them, vibration and drift only add. It is compared with what the odometry takes,
    which is larger than what the calibration states (imu.*_noise_scale): a smaller one makes the
    estimate overconfident.
    """
    values = imu.gyro_rad_s[longest_rest]
    rate = 1e9 / float(np.median(np.diff(imu.t_ns))) if len(imu) > 1 else 0.0
    seconds = len(values) / rate if rate else 0.0
    scales = {"gyro": config.gyro_noise_scale, "accel": config.accel_noise_scale}
    stated = {"gyro": noise.gyro_noise, "accel": noise.accel_noise}
    for sensor, name, unit in SENSORS:
        kind, what = f"{sensor}_noise", f"{name} noise"
        if seconds < REST_S:
            yield undetermined(
                kind, what, f"the longest rest is {seconds:.1f} s, {REST_S:g} s are needed",
                "let the recording begin with some seconds at rest",
            )  # fmt: skip
            continue
        times, deviation, error = allan_deviation(values_of(imu, sensor)[longest_rest], rate)
        # The mean square of the three axes. The bounds are three standard errors away, taken as
        # those of one axis: vibration is not independent between them.
        density = np.sqrt(np.mean(deviation**2, axis=1) * times)
        k = int(np.argmin(density * (1.0 + 3.0 * error)))
        low, high = (float(density[k] * (1.0 + s * 3.0 * error[k])) for s in (-1.0, 1.0))
        measured, given = float(density[k]), stated[sensor]
        text = (
            f"{measured:.3g} {unit}/sqrt(Hz) (at {1e3 * times[k]:.0f} ms, {seconds:.1f} s at "
            f"rest), the calibration states {given:.3g}"
        )
        figures = {"density": measured, "stated": given}
        if low > scales[sensor] * given:
            yield bad(
                kind, what, text, f"the odometry takes {scales[sensor]:g} times what is stated, "
                "which is less: state the measured density, or damp the vibration at rest",
                **figures,
            )  # fmt: skip
        elif given > TOO_LARGE * high:
            yield bad(
                kind, what, text, "the stated density is far too large: check its unit (per "
                "sqrt(Hz), rad/s and m/s^2, not deg/s and mg)", **figures,
            )  # fmt: skip
        else:
            yield good(kind, what, text, **figures)

# SPDX-License-Identifier: Apache-2.0
"""The buffer of inertial samples: what it keeps, drops, refuses and predicts."""

import numpy as np
import pytest

from vio.config import ImuConfig
from vio.errors import VioError
from vio.geometry import exp_so3, log_so3
from vio.imu import GRAVITY_M_S2
from vio.imu_buffer import ImuBuffer, ImuPose
from vio.saturation import RangeLimit

MS = 1_000_000
REST = np.zeros(3), np.array([0.0, 0.0, GRAVITY_M_S2])


def filled(times_ms: range | list[int], max_gap_s: float = 0.1) -> ImuBuffer:
    """Return a buffer with samples of a body at rest."""
    buffer = ImuBuffer(ImuConfig(max_gap_s=max_gap_s))
    for t in times_ms:
        buffer.add(t * MS, *REST)
    return buffer


def test_samples_that_are_late_or_not_finite_are_dropped_and_counted() -> None:
    buffer = filled([0, 5])
    assert buffer.add(5 * MS, *REST) is None
    assert buffer.add(10 * MS, np.array([0.0, np.nan, 0.0]), REST[1]) is None
    assert buffer.counters["imu_late"] == 1
    assert buffer.counters["imu_invalid"] == 1
    assert (len(buffer), buffer.until_ns) == (2, 5 * MS)


def test_a_sample_of_another_shape_is_refused() -> None:
    with pytest.raises(VioError, match=r"shape \(3,\), got \(4,\)"):
        ImuBuffer(ImuConfig()).add(0, np.zeros(4), np.zeros(3))


def test_a_frame_may_be_ahead_of_the_samples_by_the_longest_gap_only() -> None:
    with pytest.raises(VioError, match="before any inertial sample"):
        ImuBuffer(ImuConfig()).check_covers(0)
    buffer = filled([0, 5])
    buffer.check_covers(5 * MS)
    assert buffer.counters["frame_early"] == 0
    buffer.check_covers(105 * MS)
    assert buffer.counters["frame_early"] == 1
    with pytest.raises(VioError, match=r"0\.101 s ahead"):
        buffer.check_covers(106 * MS)


def test_intervals_cover_two_times_and_are_none_before_the_first_frame() -> None:
    buffer = filled(range(0, 30, 5))
    dt_s, gyro, accel = buffer.intervals(7 * MS, 22 * MS)
    np.testing.assert_allclose(dt_s, [0.003, 0.005, 0.005, 0.002])
    assert gyro.shape == accel.shape == (4, 3)
    np.testing.assert_array_equal(accel, np.tile(REST[1], (4, 1)))
    assert [len(x) for x in buffer.intervals(None, 22 * MS)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("start", "end", "gap"),
    [(0, 20, False), (10, 60, True), (60, 110, True), (200, 220, True), (205, 225, False)],
)
def test_a_gap_is_seen_by_every_frame_that_it_touches(start: int, end: int, gap: bool) -> None:
    buffer = filled([*range(0, 25, 5), *range(201, 230, 5)])
    assert buffer.gap_s(start * MS, end * MS) == pytest.approx(0.181 if gap else 0.0)


def test_a_gap_is_counted_once() -> None:
    buffer = filled([*range(0, 25, 5), *range(201, 230, 5)])
    assert not buffer.gap_s(None, 60 * MS)
    assert buffer.gap_s(10 * MS, 60 * MS)
    assert buffer.gap_s(60 * MS, 210 * MS)
    assert buffer.counters["imu_gap"] == 1


def test_two_samples_before_the_frame_are_kept() -> None:
    buffer = filled(range(0, 50, 5))
    buffer.trim(22 * MS)
    assert len(buffer) == 7  # 15, 20, 25, ... 45
    buffer.trim(22 * MS)
    assert len(buffer) == 7
    dt_s, _, _ = buffer.intervals(22 * MS, 30 * MS)
    assert dt_s.sum() == pytest.approx(0.008)


def predicted(buffer: ImuBuffer, times_ms: range, trim_at_ms: int | None = None) -> list[ImuPose]:
    """Return the poses predicted while a body turns at 0.5 rad/s about z and moves at 1 m/s."""
    poses = []
    for t in times_ms:
        pose = buffer.add(t * MS, np.array([0.0, 0.0, 0.5]), REST[1] + 0.1)
        if pose is not None:
            poses.append(pose)
        if t == trim_at_ms:
            buffer.trim(t * MS)
    return poses


def test_poses_are_predicted_from_a_frame_with_its_biases() -> None:
    gyro_bias, accel_bias = np.array([0.0, 0.0, 0.1]), np.full(3, 0.1)
    buffer = ImuBuffer(ImuConfig())
    assert predicted(buffer, range(0, 25, 5)) == []
    start = exp_so3(np.array([0.0, 0.0, 0.3]))
    buffer.predict_from(
        18 * MS, start, np.ones(3), np.array([1.0, 0.0, 0.0]), gyro_bias, accel_bias
    )
    poses = predicted(buffer, range(25, 125, 5))
    assert [p.t_ns for p in poses] == [t * MS for t in range(25, 125, 5)]
    last = poses[-1]
    np.testing.assert_allclose(last.p_world_body, [1.102, 1.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(last.v_world_body, [1.0, 0.0, 0.0], atol=1e-9)
    yaw = 0.3 + 0.4 * 0.102
    np.testing.assert_allclose(last.q_world_body, [np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)])
    assert log_so3(start)[2] == pytest.approx(0.3)  # what was given is not changed


def test_trimming_does_not_disturb_the_prediction() -> None:
    ends = []
    for trim_at_ms in (None, 60):
        buffer = filled([0, 5])
        buffer.predict_from(5 * MS, np.eye(3), *np.zeros((4, 3)))
        ends.append(predicted(buffer, range(10, 105, 5), trim_at_ms)[-1])
    for whole, trimmed in zip(*ends, strict=True):
        np.testing.assert_array_equal(whole, trimmed)


def test_a_stopped_prediction_gives_no_poses() -> None:
    buffer = filled([0, 5])
    buffer.predict_from(5 * MS, np.eye(3), *np.zeros((4, 3)))
    assert buffer.add(10 * MS, *REST) is not None
    buffer.stop_prediction()
    assert buffer.add(15 * MS, *REST) is None


def test_no_pose_is_predicted_over_a_long_gap() -> None:
    buffer = filled([0, 5])
    buffer.predict_from(5 * MS, np.eye(3), *np.zeros((4, 3)))
    assert buffer.add(105 * MS, *REST) is not None
    buffer.predict_from(105 * MS, np.eye(3), *np.zeros((4, 3)))
    assert buffer.add(206 * MS, *REST) is None
    buffer.predict_from(150 * MS, np.eye(3), *np.zeros((4, 3)))  # of a frame within the gap
    assert buffer.add(211 * MS, *REST) is None
    buffer.predict_from(211 * MS, np.eye(3), *np.zeros((4, 3)))
    assert buffer.add(216 * MS, *REST) is not None


def spiked(at_ms: int, sensor: int, size: float) -> ImuBuffer:
    """Return a buffer with samples of a body at rest, one of which differs in one sensor."""
    buffer = ImuBuffer(ImuConfig())
    for t in range(0, 55, 5):
        values = [v.copy() for v in REST]
        values[sensor][0] += size * (t == at_ms)
        buffer.add(t * MS, *values)
    return buffer


@pytest.mark.parametrize(("sensor", "size"), [(0, 10.0), (1, 150.0), (1, -150.0)])
def test_a_spike_is_dropped_when_the_next_sample_shows_it(sensor: int, size: float) -> None:
    buffer = spiked(25, sensor, size)
    assert buffer.counters["imu_spike"] == 1
    for values, rest in zip(buffer.intervals(0, 50 * MS)[1:], REST, strict=True):
        np.testing.assert_allclose(values, np.tile(rest, (len(values), 1)))
    assert spiked(25, sensor, 0.05 * size).counters["imu_spike"] == 0


def test_the_newest_sample_is_held_back_while_it_may_be_a_spike() -> None:
    buffer = spiked(50, 1, 150.0)
    assert buffer.counters["imu_spike"] == 0
    _, _, accel = buffer.intervals(0, 50 * MS)
    np.testing.assert_allclose(accel, np.tile(REST[1], (len(accel), 1)))


@pytest.mark.parametrize("at_ms", [20, 25, 30])
def test_a_spike_next_to_a_frame_is_dropped_too(at_ms: int) -> None:
    buffer = ImuBuffer(ImuConfig())
    for t in range(0, 55, 5):
        buffer.add(t * MS, *(REST if t != at_ms else (REST[0], REST[1] + 150.0)))
        if t == 25:  # the frame
            buffer.intervals(0, t * MS)
            buffer.trim(t * MS)
    assert buffer.counters["imu_spike"] == 1
    _, _, accel = buffer.intervals(25 * MS, 50 * MS)
    np.testing.assert_allclose(accel, np.tile(REST[1], (len(accel), 1)))


def test_a_step_is_not_a_spike() -> None:
    buffer = filled(range(0, 30, 5))
    for t in range(30, 60, 5):
        buffer.add(t * MS, REST[0], REST[1] + [50.0, 0.0, 0.0])
    assert buffer.counters["imu_spike"] == 0
    assert len(buffer) == 12


def test_the_time_bridged_by_interpolation_is_that_of_long_intervals() -> None:
    assert filled(range(0, 105, 5)).bridged_s(0, 100 * MS) == 0.0
    gap = filled([*range(0, 55, 5), *range(100, 205, 5)])  # 50 ms without a sample
    assert gap.bridged_s(0, 200 * MS) == pytest.approx(0.05)
    assert gap.bridged_s(70 * MS, 90 * MS) == pytest.approx(0.02)
    assert gap.bridged_s(150 * MS, 200 * MS) == 0.0
    stalled = filled(range(0, 105, 5))
    assert stalled.bridged_s(100 * MS, 150 * MS) == pytest.approx(0.05)


def test_a_slow_sensor_has_no_gaps() -> None:
    assert filled(range(0, 500, 20)).bridged_s(0, 480 * MS) == 0.0


def swinging(limit: float, axis: int = 0, sensor: int = 1, step: float = 0.0) -> ImuBuffer:
    """Return a buffer with 10 s of a swinging body whose sensor is cut off at a limit.

    step: resolution of the sensor.
    """
    buffer, rng = ImuBuffer(ImuConfig()), np.random.default_rng(0)
    for k in range(2000):
        values = [v.copy() for v in REST]
        values[sensor][axis] += 4.0 * np.sin(0.02 * k) + rng.normal(0.0, 0.02)
        values[sensor] = np.clip(values[sensor], -limit, limit)
        if step:
            values[sensor] = np.round(values[sensor] / step) * step
        buffer.add(5 * k * MS, *values)
    return buffer


@pytest.mark.parametrize(("sensor", "axis", "limit"), [(0, 1, 3.5), (1, 0, 3.5), (1, 2, 13.0)])
def test_samples_at_the_end_of_the_range_are_found(sensor: int, axis: int, limit: float) -> None:
    buffer = swinging(limit, axis, sensor)
    center = REST[sensor][axis]
    share = np.arccos((limit - center) / 4.0) / np.pi * (1 if center else 2)
    assert buffer.counters["imu_saturated"] / 2000 == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("step", [0.0, 0.01, 0.05])
def test_a_sensor_within_its_range_is_not_saturated(step: float) -> None:
    assert swinging(100.0, step=step).counters["imu_saturated"] <= 5
    rest = filled(range(0, 10_000, 5))  # without noise
    assert rest.counters["imu_saturated"] == 0


def test_a_value_beyond_a_supposed_limit_shows_that_it_is_none() -> None:
    limit = RangeLimit(1.0)
    series = [0.0, *[5.0] * 9, 6.0, 5.0, 6.0, 0.0]
    found = [limit.add(np.array([x, 0.0, 0.0])) for x in series]
    assert found == [False] * 5 + [True] * 5 + [False] * 4


def test_saturated_samples_count_as_time_that_is_bridged() -> None:
    buffer = filled(range(0, 1000, 5))
    for k in range(40):
        value = 20.0 if 10 <= k < 30 else 0.0
        buffer.add((1000 + 5 * k) * MS, REST[0], REST[1] + [value, 0.0, 0.0])
    assert buffer.counters["imu_saturated"] == 16  # the first four could be a peak
    assert buffer.bridged_s(1000 * MS, 1195 * MS) == pytest.approx(0.08)
    assert buffer.bridged_s(900 * MS, 1000 * MS) == 0.0

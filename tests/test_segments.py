# SPDX-License-Identifier: Apache-2.0
"""Segments: the status of a frame, and where its pose and covariance lie in the world."""

from dataclasses import replace

import numpy as np
import pytest

from vio.backend.estimate import Estimate, Pose
from vio.coasting import Interval
from vio.config import BackEndConfig
from vio.data import Status
from vio.geometry import exp_so3, log_so3, quaternion_from_matrix
from vio.imu import ImuNoise
from vio.segments import Segments

CONFIG = BackEndConfig(min_visible=8, max_inertial_s=1.0)
S = 1_000_000_000
NO_DATA = Interval(np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)), 0.0)


def estimate(t_s: float, **changes: object) -> Estimate:
    """Return an estimate of a frame with enough landmarks in view."""
    whole = Estimate(
        round(t_s * S), False, 50, np.eye(3), np.array([1.0, 2.0, 3.0]),
        np.array([1.0, 0.0, 0.5]), np.full(3, 0.01), np.full(3, 0.1), np.diag(np.arange(1.0, 16.0)),
        1.0, 0.2, False,
    )  # fmt: skip
    return replace(whole, **changes)


def statuses(segments: Segments, frames: list[Estimate | None]) -> list[Status]:
    """Return the status of frames 0.5 s apart."""
    return [
        segments.locate(
            round(0.5 * k * S), None if e is None else replace(e, t_ns=k * S // 2), NO_DATA
        )[0]
        for k, e in enumerate(frames)
    ]


def test_a_contradicted_frame_has_a_pose_and_a_status_of_its_own() -> None:
    first, odd = estimate(0.0, is_first=True), estimate(0.0, is_contradicted=True)
    got = statuses(Segments(CONFIG, ImuNoise()), [first, odd, estimate(0.0)])
    assert got == [Status.TRACKING, Status.CONTRADICTED, Status.TRACKING]


def test_a_frame_without_an_estimate_is_initializing_at_first_and_lost_later() -> None:
    first, seen = estimate(0.0, is_first=True), estimate(0.0)
    got = statuses(Segments(CONFIG, ImuNoise()), [None, first, seen, None])
    assert got == [Status.INITIALIZING, Status.TRACKING, Status.TRACKING, Status.LOST]


def test_without_landmarks_a_frame_is_inertial_for_a_bounded_time() -> None:
    first, blind, seen = (
        estimate(0.0, is_first=True, visible=0),
        estimate(0.0, visible=CONFIG.min_visible - 1),
        estimate(0.0, visible=CONFIG.min_visible),
    )
    got = statuses(Segments(CONFIG, ImuNoise()), [first, blind, blind, seen, blind, blind, blind])
    inertial, tracking = Status.INERTIAL, Status.TRACKING
    assert got == [tracking, inertial, inertial, tracking, inertial, inertial, Status.LOST]


def test_without_landmarks_a_frame_is_lost_when_dead_reckoning_has_spread_too_far() -> None:
    accurate = np.diag(np.repeat([1e-4, 1e-3, 4e-3, 1e-6, 1e-6], 3) ** 2)
    half = Interval(np.full(20, 0.025), np.zeros((20, 3)), np.tile([0.0, 0.0, 9.81], (20, 1)), 0.0)
    quiet = ImuNoise(200.0, 1e-9, 1e-9, 1e-9, 1e-9)
    # The velocity is known to 4 mm/s an axis: 3.5 mm after 0.5 s, 6.9 mm after 1 s.
    for sigma_m, wanted in ((0.003, Status.LOST), (0.005, Status.INERTIAL)):
        segments = Segments(replace(CONFIG, max_inertial_sigma_m=sigma_m), quiet)
        for k, frame in enumerate((estimate(0.0, is_first=True), estimate(0.0))):
            segments.locate(k, replace(frame, covariance=accurate), NO_DATA)
        blind = estimate(0.5, visible=0, covariance=1e6 * accurate)
        assert segments.locate(S // 2, blind, half)[0] is wanted


@pytest.mark.parametrize("field", ["p_world_body", "v_world_body", "accel_bias_m_s2"])
def test_an_estimate_that_is_not_finite_is_lost_and_not_given_out(field: str) -> None:
    segments = Segments(CONFIG, ImuNoise())
    segments.locate(0, estimate(0.0, is_first=True), NO_DATA)
    broken = estimate(0.1, **{field: np.array([0.0, np.nan, 0.0])})
    assert segments.locate(S // 10, broken, NO_DATA) == (Status.LOST, None)


def test_the_first_segment_keeps_the_frame_of_its_window() -> None:
    segments = Segments(CONFIG, ImuNoise())
    given = estimate(0.0, is_first=True)
    _, located = segments.locate(0, given, NO_DATA)
    assert located is not None
    assert segments.index == 1
    np.testing.assert_array_equal(located.p_world_body, given.p_world_body)
    np.testing.assert_array_equal(located.covariance, given.covariance)


def second_segment() -> tuple[Segments, Estimate, Estimate]:
    """Return segments after a second start, with what was given and located for that frame."""
    segments = Segments(CONFIG, ImuNoise())
    old = exp_so3(np.array([0.0, 0.0, 0.7])) @ exp_so3(np.array([0.1, 0.0, 0.0]))
    segments.locate(0, estimate(0.0, is_first=True, R_world_body=old), NO_DATA)
    segments.locate(S, None, NO_DATA)
    new = exp_so3(np.array([0.0, 0.0, -0.4])) @ exp_so3(np.array([0.1, 0.0, 0.0]))
    p = np.array([0.2, 0.1, 0.0])
    given = estimate(2.0, is_first=True, R_world_body=new, p_world_body=p)
    _, located = segments.locate(2 * S, given, NO_DATA)
    assert located is not None
    return segments, given, located


def test_a_new_segment_begins_where_the_last_one_ended_turned_about_the_vertical() -> None:
    segments, given, located = second_segment()
    assert segments.index == 2
    np.testing.assert_allclose(located.p_world_body, [1.0, 2.0, 3.0], atol=1e-12)
    anchor = located.R_world_body @ given.R_world_body.T
    np.testing.assert_allclose(log_so3(anchor), [0.0, 0.0, 1.1], atol=1e-9)
    np.testing.assert_allclose(located.v_world_body, anchor @ given.v_world_body, atol=1e-12)
    np.testing.assert_array_equal(located.gyro_bias_rad_s, given.gyro_bias_rad_s)


def test_the_covariance_is_rotated_with_the_segment_and_biases_stay() -> None:
    _, given, located = second_segment()
    anchor = located.R_world_body @ given.R_world_body.T
    assert given.covariance is not None
    assert located.covariance is not None
    for k in range(3):
        block = slice(3 * k, 3 * k + 3)
        wanted = anchor @ given.covariance[block, block] @ anchor.T
        np.testing.assert_allclose(located.covariance[block, block], wanted, atol=1e-12)
    np.testing.assert_array_equal(located.covariance[9:, 9:], given.covariance[9:, 9:])
    assert not np.allclose(located.covariance, given.covariance)


def test_points_and_smoothed_poses_move_with_their_segment() -> None:
    segments, given, located = second_segment()
    np.testing.assert_allclose(
        segments.points_to_world(given.p_world_body[None]), located.p_world_body[None], atol=1e-12
    )
    segments.add_smoothed(
        [Pose(2 * S, given.p_world_body, quaternion_from_matrix(given.R_world_body))]
    )
    (pose,) = segments.drain_smoothed()
    assert (pose.segment, pose.t_ns) == (2, 2 * S)
    np.testing.assert_allclose(pose.p_world_body, located.p_world_body, atol=1e-12)
    wanted = quaternion_from_matrix(located.R_world_body)
    np.testing.assert_allclose(pose.q_world_body, wanted, atol=1e-9)
    assert segments.drain_smoothed() == []


def test_a_second_segment_states_what_inertial_data_left_unknown_of_yaw_and_position() -> None:
    segments = Segments(CONFIG, ImuNoise())
    old = np.diag(np.repeat([1e-3, 1e-2, 1e-2, 1e-4, 1e-3], 3) ** 2)
    none = {"gyro_bias_rad_s": np.zeros(3), "accel_bias_m_s2": np.zeros(3)}
    start = estimate(0.0, is_first=True, covariance=old, **none)
    segments.locate(0, start, NO_DATA)
    n = 200
    accel = np.tile([0.0, 0.0, 9.81], (n, 1))
    lost = Interval(np.full(n, 0.005), np.zeros((n, 3)), accel, 0.0)
    segments.locate(S, None, lost)
    given = estimate(2.0, is_first=True, covariance=old)
    _, located = segments.locate(2 * S, given, lost)
    assert located is not None
    # The velocity was 1 m/s along x and 0.5 along z, known to 1 cm/s, for 2 s.
    np.testing.assert_allclose(located.p_world_body, [3.0, 2.0, 4.0], atol=1e-6)
    first = segments.world_covariance(located)
    assert first is not None
    assert 0.02 < np.sqrt(first[3, 3]) < 0.1
    assert np.sqrt(first[2, 2]) > np.sqrt(old[2, 2])
    # Roll, pitch and the biases are the segment's own; ten metres on, the yaw shows in the place.
    np.testing.assert_allclose(first[:2, :2], located.covariance[:2, :2])
    np.testing.assert_allclose(first[9:, 9:], located.covariance[9:, 9:])
    far = replace(given, is_first=False, p_world_body=given.p_world_body + np.array([10.0, 0, 0]))
    _, moved = segments.locate(3 * S, far, NO_DATA)
    assert moved is not None
    later = segments.world_covariance(moved)
    assert later is not None
    assert later[4, 4] > first[4, 4] + 90.0 * old[2, 2]

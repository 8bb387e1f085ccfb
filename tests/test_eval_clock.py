# SPDX-License-Identifier: Apache-2.0
"""The offset of two clocks is found from the motion, or reported as undetermined, and why."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.test_eval import T0, flight
from vio.errors import VioError
from vio.eval.clock import clock_offset
from vio.eval.hints import unit_hint
from vio.eval.metrics import evaluate
from vio.trajectory import Trajectory


def lively(seed: int, rotating: bool = True, seconds: float = 20.0) -> Trajectory:
    """Return 200 Hz poses of a motion that does not repeat itself."""
    rng = np.random.default_rng(seed)
    s = np.arange(int(200 * seconds)) / 200.0
    rates = rng.uniform(0.5, 4.0, (2, 3, 4, 1))
    phases = rng.uniform(0.0, 6.0, (2, 3, 4, 1))
    p, r = np.sin(rates * s + phases).sum(axis=2).transpose(0, 2, 1)
    q = Rotation.from_rotvec(0.3 * r * rotating).as_quat(scalar_first=True)
    return Trajectory(T0 + (s * 1e9).astype(np.int64), p, q)


def shifted(truth: Trajectory, offset_s: float, seed: int = 0) -> Trajectory:
    """Return noisy 20 Hz poses whose clock shows offset_s less than the ground truth's."""
    rng = np.random.default_rng(seed)
    part = truth.take(np.arange(0, len(truth), 10))
    noise = Rotation.from_rotvec(rng.normal(0.0, 0.001, (len(part), 3)))
    q = Rotation.from_quat(part.q_world_body, scalar_first=True) * noise
    p = part.p_world_body + rng.normal(0.0, 0.002, part.p_world_body.shape)
    t_ns = part.t_ns - round(offset_s * 1e9)
    return Trajectory(t_ns, p, q.as_quat(scalar_first=True))


@settings(max_examples=15)
@given(st.floats(-0.8, 0.8), st.integers(0, 1000), st.booleans())
def test_the_offset_is_found_within_three_deviations_from_rotation_or_speed(
    offset_s: float, seed: int, rotating: bool
) -> None:
    truth = lively(seed, rotating)
    if not rotating:  # nothing turns, not even by noise
        still = np.tile([1.0, 0.0, 0.0, 0.0], (len(truth), 1))
        truth = dataclasses.replace(truth, q_world_body=still)
    found = clock_offset(shifted(truth, offset_s), truth)
    assert found.undetermined == ""
    assert found.source == ("rotation rate" if rotating else "speed")
    assert found.offset_s is not None
    assert found.std_s is not None
    assert abs(found.offset_s - offset_s) < 3.0 * found.std_s + 1e-3


def test_equal_trajectories_have_no_offset() -> None:
    truth = lively(1)
    found = clock_offset(truth, truth)
    assert found.offset_s == pytest.approx(0.0, abs=1e-5)


def test_no_offset_is_claimed_without_motion_with_repetition_or_far_away() -> None:
    truth = lively(1)
    rest = dataclasses.replace(
        truth,
        p_world_body=0.0 * truth.p_world_body,
        q_world_body=np.tile([1.0, 0.0, 0.0, 0.0], (len(truth), 1)),
    )
    assert "correlation" in clock_offset(shifted(rest, 0.1), rest).undetermined
    s = (truth.t_ns - T0) / 1e9
    turns = Rotation.from_rotvec(np.outer(np.sin(4 * np.pi * s), [0.1, 0.2, 0.3]))
    wave = np.outer(np.sin(4 * np.pi * s), [1.0, 2.0, 3.0])
    periodic = Trajectory(truth.t_ns, wave, turns.as_quat(scalar_first=True))
    found = clock_offset(shifted(periodic, 0.05), periodic)
    assert found.offset_s is None
    assert "the motion repeats itself" in found.undetermined
    assert clock_offset(shifted(truth, 3.0), truth).offset_s is None
    short = truth.take(np.arange(300))
    assert "fewer than 30 steps" in clock_offset(shifted(short, 0.0), short).undetermined
    assert clock_offset(shifted(lively(2), 0.1), truth).offset_s is None, "another motion"


@pytest.mark.parametrize(("factor", "power"), [(10**3, "1e-3"), (10**6, "1e-6")])
def test_stamps_in_another_unit_are_recognised_with_the_numbers(factor: int, power: str) -> None:
    estimate, truth = flight()
    # Counted from zero, as recordings of simulators are.
    truth = dataclasses.replace(truth, t_ns=truth.t_ns - T0)
    slow = dataclasses.replace(estimate, t_ns=(estimate.t_ns - T0) * factor)
    assert unit_hint(estimate, dataclasses.replace(truth, t_ns=truth.t_ns + T0)) == ""
    hint = unit_hint(slow, truth)
    assert f"factor of about {power}" in hint
    assert "the ground truth 0 s and 19.995 s" in hint
    with pytest.raises(VioError, match=r"check the unit \(s, ms, us, ns\)"):
        evaluate(slow, truth)


def test_clocks_of_other_origin_are_not_taken_for_other_units() -> None:
    estimate, truth = flight()
    epoch = dataclasses.replace(truth, t_ns=truth.t_ns - T0 + 1_403_636_579_763_555_584)
    near_zero = dataclasses.replace(estimate, t_ns=estimate.t_ns - T0 + 900_000_000)
    assert unit_hint(near_zero, epoch) == ""
    with pytest.raises(VioError, match="count time from the same clock"):
        evaluate(near_zero, epoch)

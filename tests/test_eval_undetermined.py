# SPDX-License-Identifier: Apache-2.0
"""What positions leave open is reported as undetermined, with the reason, and the rest is kept."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.test_eval import flight
from tests.test_eval_command import figures, run
from vio.datasets.trajectories import write_tum
from vio.eval.align import undetermined
from vio.eval.hints import attitude_hint
from vio.eval.metrics import Metrics, evaluate
from vio.trajectory import Trajectory

S = np.arange(200) * 0.05


def poses(p: np.ndarray, rotvec: np.ndarray | None = None) -> Trajectory:
    r = np.zeros_like(p) if rotvec is None else rotvec
    q = Rotation.from_rotvec(r).as_quat(scalar_first=True)
    return Trajectory(10**12 + np.arange(len(p)) * 50_000_000, p, q)


def noisy(p: np.ndarray, sigma: float = 0.002, seed: int = 1) -> np.ndarray:
    return p + np.random.default_rng(seed).normal(0.0, sigma, p.shape)


def along(direction: list[float]) -> np.ndarray:
    return np.outer(2.0 * S, np.array(direction) / np.linalg.norm(direction))


def reasons(metrics: Metrics) -> dict[str, dict[str, str]]:
    return {kind: error.undetermined for kind, error in metrics.absolute.items()}


def test_at_rest_nothing_is_determined_and_the_errors_remain() -> None:
    rest = np.zeros((200, 3))
    got = evaluate(poses(noisy(rest, 0.0005)), poses(noisy(rest, 0.0005, 2)))
    assert reasons(got) == {
        "se3": {"rotation": "motionless"},
        "yaw": {"rotation": "no horizontal motion"},
        "sim3": {"rotation": "motionless", "scale": "motionless"},
    }
    for error in got.absolute.values():
        assert error.rotation_deg is None
        assert error.translation_m.rmse < 0.002
    assert got.absolute["sim3"].scale is None
    assert got.absolute["se3"].scale == 1.0, "given, not estimated"


def test_on_a_straight_line_the_rotation_about_it_is_open_and_the_scale_is_not() -> None:
    truth = poses(along([3.0, 1.0, 0.2]))
    got = evaluate(poses(noisy(truth.p_world_body) / 1.5), truth)
    assert reasons(got) == {
        "se3": {"rotation": "straight line"},
        "yaw": {},
        "sim3": {"rotation": "straight line"},
    }
    assert got.absolute["sim3"].scale == pytest.approx(1.5, rel=0.01)
    assert got.absolute["yaw"].rotation_deg is not None
    assert got.absolute["yaw"].rotation_deg.rmse < 1.0


def test_on_a_vertical_line_the_yaw_is_open() -> None:
    truth = poses(along([0.0, 0.0, 1.0]))
    got = evaluate(poses(noisy(truth.p_world_body)), truth)
    assert reasons(got)["yaw"] == {"rotation": "no horizontal motion"}
    assert reasons(got)["se3"] == {"rotation": "straight line"}


def test_a_plane_determines_all_and_an_estimate_off_by_its_size_nothing() -> None:
    circle = np.stack([np.cos(S), np.sin(S), 0 * S], axis=1)
    assert reasons(evaluate(poses(noisy(circle)), poses(circle)))["sim3"] == {}
    other = np.random.default_rng(3).normal(0.0, 1.0, circle.shape)
    found = reasons(evaluate(poses(other), poses(circle)))
    assert found["se3"] == {"rotation": "errors as large as the motion"}
    assert found["yaw"] == {"rotation": "errors as large as the motion"}


def test_three_poses_are_too_few_and_four_are_not() -> None:
    p = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    for kind in ("se3", "yaw", "sim3"):
        assert undetermined(p[:3], p[:3], kind)["rotation"] == "three or fewer poses"
        assert undetermined(p, p, kind) == {}
    assert undetermined(p[:1], p[:1], "none") == {}
    assert undetermined(p[:1], p[:1], "sim3").keys() == {"rotation", "scale"}


def test_a_flight_is_determined() -> None:
    assert reasons(evaluate(*flight())) == {"se3": {}, "yaw": {}, "sim3": {}}


@given(
    st.tuples(*[st.floats(-3, 3)] * 3),
    st.floats(0.1, 10.0),
    st.sampled_from([0.0, 1e-4, 1e-3]),
    st.integers(0, 1000),
)
def test_the_line_is_recognised_in_any_direction_world_and_scale(
    rotvec: tuple[float, ...], scale: float, sigma: float, seed: int
) -> None:
    R = Rotation.from_rotvec(rotvec)
    truth = R.apply(along([1.0, 0.0, 0.0]))
    estimate = R.inv().apply(noisy(truth, sigma, seed)) * scale
    assert undetermined(estimate, truth, "sim3") == {"rotation": "straight line"}
    bent = truth + R.apply(np.outer(np.sin(S), [0.0, 0.5, 0.0]))
    estimate = R.inv().apply(noisy(bent, sigma, seed)) * scale
    assert undetermined(estimate, bent, "sim3") == {}


def test_text_and_json_report_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tmp_path / n) for n in ("est.txt", "truth.txt")]
    line = along([1.0, 1.0, 0.0])
    write_tum(names[0], poses(noisy(line)))
    write_tum(names[1], poses(line))
    assert run(*names) == 0
    assert "undetermined (straight line)" in capsys.readouterr().out
    got = figures(capsys, *names)["absolute"]["se3"]
    assert got["rotation_deg"] is None
    assert got["undetermined"] == {"rotation": "straight line"}
    for name, seed in zip(names, (1, 2), strict=True):
        write_tum(name, poses(noisy(np.zeros((200, 3)), 0.0003, seed)))
    assert run(*names) == 0
    text = capsys.readouterr().out
    assert "Sim(3), scale undetermined (motionless)" in text
    assert "clock offset: undetermined (" in text
    json.dumps(figures(capsys, *names), allow_nan=False)


def test_no_order_of_quaternions_is_suspected_where_positions_say_nothing() -> None:
    turning = np.outer(S, [0.1, 0.2, 0.5])
    still = poses(np.zeros((200, 3)), turning)
    swapped = Trajectory(still.t_ns, still.p_world_body, still.q_world_body[:, [3, 0, 1, 2]])
    assert attitude_hint(swapped, still) == ""
    estimate, truth = evaluate_pair()
    assert attitude_hint(estimate, truth) == ""


def evaluate_pair() -> tuple[Trajectory, Trajectory]:
    """Return poses whose attitudes differ by 40 degrees, which no order explains."""
    p = np.stack([np.cos(S), np.sin(S), 0.3 * S], axis=1)
    truth = poses(p, np.outer(S, [0.1, 0.2, 0.5]))
    turn = Rotation.from_quat(truth.q_world_body, scalar_first=True)
    off = turn * Rotation.from_rotvec([0.7, 0.0, 0.0])
    return Trajectory(truth.t_ns, p, off.as_quat(scalar_first=True)), truth

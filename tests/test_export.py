# SPDX-License-Identifier: Apache-2.0
"""Runs go out as TUM, EuRoC, ROS 2 bags and MAVLink: each value is what the other side expects."""

import importlib.util
import socket
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from vio.cli import main
from vio.config import load_config
from vio.data import State, Status
from vio.datasets.bags.write import UNKNOWN, Odometry, body_velocity
from vio.datasets.trajectories import read_trajectory
from vio.errors import VioError
from vio.geometry import exp_so3, matrix_from_quaternion, quaternion_from_matrix
from vio.runs.export import read_run
from vio.runs.folder import RunFolder

ROOT = Path(__file__).parents[1]


def covariance(rng: np.random.Generator) -> np.ndarray:
    A = rng.normal(size=(15, 15)) * 0.01
    return A @ A.T


def states(count: int = 5) -> list[State]:
    rng = np.random.default_rng(1)
    out = []
    for i in range(count):
        R = exp_so3(rng.normal(size=3))
        out.append(
            State(
                i, 10**18 + i * 50_000_000 + 7, Status.TRACKING, 1 if i < 3 else 2, i == 0,
                rng.normal(size=3), quaternion_from_matrix(R), rng.normal(size=3),
                rng.normal(size=3) * 0.01, rng.normal(size=3) * 0.1, covariance(rng),
            )
        )  # fmt: skip
    return out


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    with RunFolder(folder, load_config()) as run:
        lost = State(9, 10**18 - 1, Status.INITIALIZING, 1, False)
        for state in (lost, *states()):
            run.add_state(state, {})
        run.write_landmarks(np.arange(6.0).reshape(2, 3))
    return folder


@pytest.mark.parametrize("form", ["tum", "euroc"])
def test_trajectories_hold_the_poses_of_the_states(
    form: str, run_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.txt"
    assert main(["export", str(run_folder), str(out), "--to", form]) == 0
    found = read_trajectory(out)
    assert found.t_ns.tolist() == [s.t_ns for s in states()]
    for i, state in enumerate(states()):
        assert np.allclose(found.p_world_body[i], state.p_world_body, atol=1e-8)
        assert np.allclose(found.q_world_body[i], state.q_world_body, atol=1e-8)
    assert main(["export", str(run_folder), str(out), "--to", form]) == 2  # is there already


@pytest.mark.parametrize("storage", ["sqlite3", "mcap"])
def test_a_ros2_bag_holds_odometry_with_covariance_and_the_landmarks(
    storage: str, run_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bag"
    words = ["--to", "ros2", "--storage", storage]
    assert main(["export", str(run_folder), str(out), *words]) == 0
    store = get_typestore(Stores.ROS2_HUMBLE)
    found: dict[str, list[Any]] = {}
    with Reader(out) as reader:
        for connection, _, data in reader.messages():
            message = store.deserialize_cdr(data, connection.msgtype)
            found.setdefault(connection.msgtype, []).append(message)
    messages = found["nav_msgs/msg/Odometry"]
    assert len(messages) == 5
    for message, state in zip(messages, states(), strict=True):
        stamp = message.header.stamp
        assert stamp.sec * 10**9 + stamp.nanosec == state.t_ns
        assert message.header.frame_id == f"odom_{state.segment}"
        assert message.child_frame_id == "imu"
        p, q = message.pose.pose.position, message.pose.pose.orientation
        assert np.allclose([p.x, p.y, p.z], state.p_world_body, atol=1e-8)
        assert np.allclose([q.w, q.x, q.y, q.z], state.q_world_body, atol=1e-8)
        C = message.pose.covariance.reshape(6, 6)
        assert np.allclose(C[:3, :3], state.covariance[3:6, 3:6], rtol=1e-5)
        assert np.allclose(C[3:, 3:], state.covariance[:3, :3], rtol=1e-5)
        assert np.allclose(C[:3, 3:], state.covariance[3:6, :3], rtol=1e-5)
        assert np.array_equal(C, C.T)
        v = message.twist.twist.linear
        R = matrix_from_quaternion(state.q_world_body)
        assert np.allclose(R @ [v.x, v.y, v.z], state.v_world_body, atol=1e-7)
        twist = message.twist.covariance.reshape(6, 6)
        assert np.allclose(np.diag(twist)[3:], UNKNOWN)
    (cloud,) = found["sensor_msgs/msg/PointCloud2"]
    assert (cloud.width, cloud.height, cloud.point_step, cloud.row_step) == (2, 1, 12, 24)
    assert [f.name for f in cloud.fields] == ["x", "y", "z"]
    assert np.frombuffer(cloud.data.tobytes(), "<f4").tolist() == list(range(6))
    assert cloud.header.frame_id == "odom_2"


def test_the_covariance_of_the_bodys_velocity_is_that_of_samples() -> None:
    rng = np.random.default_rng(2)
    state = states()[1]
    C = state.covariance[:9, :9] * 1e-2
    odometry = Odometry(0, 1, state.p_world_body, state.q_world_body, state.v_world_body, C)
    v, spread = body_velocity(odometry)
    R = matrix_from_quaternion(state.q_world_body)
    samples = rng.multivariate_normal(np.zeros(9), C, 40_000)
    moved = np.array([(exp_so3(s[:3]) @ R).T @ (state.v_world_body + s[6:]) for s in samples])
    assert np.allclose(moved.mean(axis=0), v, atol=2e-3)
    assert np.allclose(np.cov(moved.T), spread, atol=0.03 * np.abs(spread).max())
    wrong = R.T @ C[6:, 6:] @ R  # without the rotation's part
    assert not np.allclose(np.cov(moved.T), wrong, atol=0.03 * np.abs(spread).max())


def test_a_run_that_cannot_be_exported_is_one_line(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(VioError, match="is no run folder; give one that `vio run` wrote"):
        read_run(tmp_path)
    text = (run_folder / "states.csv").read_text()
    (run_folder / "states.csv").write_text(text + "7,100")  # killed in the middle of a line
    assert len(read_run(run_folder).trajectory) == 5
    (run_folder / "covariances.csv").unlink()
    words = ["export", str(run_folder), str(tmp_path / "b"), "--to", "ros2"]
    assert main(words) == 2
    (run_folder / "states.csv").write_text(text.splitlines()[0] + "\n")
    with pytest.raises(VioError, match="holds no pose"):
        read_run(run_folder)
    (run_folder / "states.csv").write_text(text.replace("p_x", "q"))
    with pytest.raises(VioError, match="lacks a column"):
        read_run(run_folder)


@pytest.fixture
def px4() -> ModuleType:
    """Return examples/px4.py as a module."""
    spec = importlib.util.spec_from_file_location("px4", ROOT / "examples/px4.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def receive(
    px4: ModuleType, sent: list[tuple[State, np.ndarray]], mounting: np.ndarray
) -> list[Any]:
    """Return the messages that arrive at a loopback socket, parsed by pymavlink."""
    from pymavlink.dialects.v20 import common

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10.0)
        link = px4.connect(f"127.0.0.1:{server.getsockname()[1]}")
        sender = px4.Sender(link, mounting, 0.002)
        parser = common.MAVLink(None)
        out = []
        for state, gyro in sent:
            if sender.send(state, gyro):
                out += parser.parse_buffer(server.recv(1000))
        link.file.close()
    return out


def test_mavlink_odometry_arrives_in_forward_right_down_frames(px4: ModuleType) -> None:
    """A body with x forward, y left, z up, yawed by 90 degrees to the left, climbing forward."""
    base = states()[0]
    yaw = exp_so3(np.array([0.0, 0.0, np.pi / 2]))
    C = np.zeros((15, 15))
    C[np.diag_indices(15)] = np.arange(1, 16) * 1e-4
    C[3, 4] = C[4, 3] = 5e-5  # position x with y
    state = replace(
        base, p_world_body=np.array([1.0, 2.0, 3.0]), q_world_body=quaternion_from_matrix(yaw),
        v_world_body=np.array([0.0, 2.0, 0.5]), gyro_bias_rad_s=np.array([0.01, 0.0, 0.0]),
        covariance=C, segment=258,
    )  # fmt: skip
    gyro = np.array([0.11, 0.2, 0.3])
    lost = replace(base, status=Status.LOST, p_world_body=None, q_world_body=None)
    sent = [(state, gyro), (lost, gyro), (replace(state, segment=259), gyro)]
    first, second = receive(px4, sent, px4.rotation(180.0, 0.0, 0.0))
    assert first.get_type() == "ODOMETRY"
    assert first.time_usec == state.t_ns // 1000
    assert (first.frame_id, first.child_frame_id, first.estimator_type) == (20, 12, 3)
    assert (first.x, first.y, first.z) == (1.0, -2.0, -3.0)
    # To the left about z up is to the right, negative, about z down.
    assert np.allclose(first.q, [np.sqrt(0.5), 0.0, 0.0, -np.sqrt(0.5)], atol=1e-6)
    assert np.allclose([first.vx, first.vy, first.vz], [2.0, 0.0, -0.5], atol=1e-6)
    rates = [first.rollspeed, first.pitchspeed, first.yawspeed]
    assert np.allclose(rates, [0.1, -0.2, -0.3], atol=1e-6)
    assert len(first.pose_covariance) == len(first.velocity_covariance) == 21
    pose = np.zeros((6, 6))
    pose[np.triu_indices(6)] = first.pose_covariance
    assert np.allclose(np.diag(pose), np.array([4, 5, 6, 1, 2, 3]) * 1e-4, rtol=1e-5)
    assert pose[0, 1] == pytest.approx(-5e-5)  # y turns its sign
    twist = np.zeros((6, 6))
    twist[np.triu_indices(6)] = first.velocity_covariance
    assert np.allclose(np.diag(twist)[3:], np.array([10, 11, 12]) * 1e-4 + 4e-6, rtol=1e-5)
    v = state.v_world_body
    along = 8e-4 + (v[0] ** 2 * C[2, 2] + v[2] ** 2 * C[0, 0])  # of world y, which is forward
    assert twist[0, 0] == pytest.approx(along, rel=1e-5)
    assert (first.reset_counter, second.reset_counter) == (2, 3)
    assert first.quality == 100


def test_the_mounting_turns_the_sensors_axes_into_the_vehicles(px4: ModuleType) -> None:
    state = replace(states()[0], q_world_body=np.array([1.0, 0.0, 0.0, 0.0]),
                    v_world_body=np.array([1.0, 0.0, 0.0]))  # fmt: skip
    (found,) = receive(px4, [(state, np.zeros(3))], px4.rotation(180.0, 0.0, 90.0))
    # The sensor's x points to the vehicle's right: moving along it is moving to the right.
    assert np.allclose([found.vx, found.vy, found.vz], [0.0, 1.0, 0.0], atol=1e-6)
    assert np.allclose(np.abs(found.q), [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)], atol=1e-6)


@pytest.mark.parametrize("address", ["192.168.1.4:14540", "14540", "px4.example:1", "127.0.0.1:0"])
def test_only_this_machine_is_sent_to(address: str, px4: ModuleType) -> None:
    with pytest.raises(VioError, match="is no loopback address with a port"):
        px4.connect(address)

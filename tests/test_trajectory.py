# SPDX-License-Identifier: Apache-2.0
"""Trajectories interpolate as scipy does, and their files come back as they were written."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from vio.datasets.csv_table import decimal_seconds_to_ns
from vio.datasets.trajectories import (
    FORMS,
    read_segments,
    read_trajectory,
    read_trajectory_file,
    seconds_text,
    tum_line,
    write_euroc,
    write_kitti,
    write_tum,
)
from vio.errors import VioError
from vio.geometry import invert_transform, transform_from
from vio.trajectory import (
    Trajectory,
    interpolate,
    moved_sensor,
    nearest_index,
    quaternion_product,
    rotation_matrices,
)

T0 = 1_403_636_579_763_555_584


def random_trajectory(n: int = 50, seed: int = 1, full: bool = False) -> Trajectory:
    rng = np.random.default_rng(seed)
    t_ns = T0 + np.cumsum(rng.integers(4_000_000, 6_000_000, n))
    p = np.cumsum(rng.normal(0, 0.01, (n, 3)), axis=0)
    q = Rotation.random(n, rng=rng).as_quat(scalar_first=True)
    rest = [rng.normal(0, 1, (n, 3)) for _ in range(3)] if full else []
    return Trajectory(t_ns, p, q, *rest)


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    first = Rotation.from_quat(a, scalar_first=True)
    return (first.inv() * Rotation.from_quat(b, scalar_first=True)).magnitude()


def test_interpolation_equals_scipys_slerp_and_linear_interpolation() -> None:
    trajectory = random_trajectory(full=True)
    rng = np.random.default_rng(2)
    t_ns = np.sort(rng.integers(trajectory.t_ns[0], trajectory.t_ns[-1], 500))
    got = interpolate(trajectory, t_ns)
    seconds, at = (trajectory.t_ns - T0) / 1e9, (t_ns - T0) / 1e9
    slerp = Slerp(seconds, Rotation.from_quat(trajectory.q_world_body, scalar_first=True))
    assert angle_between(got.q_world_body, slerp(at).as_quat(scalar_first=True)).max() < 1e-9
    for name in ("p_world_body", "v_world_body", "gyro_bias_rad_s", "accel_bias_m_s2"):
        values = getattr(trajectory, name)
        expected = np.stack([np.interp(at, seconds, values[:, k]) for k in range(3)], axis=1)
        assert np.abs(getattr(got, name) - expected).max() < 1e-9


def test_interpolation_at_a_pose_returns_it_and_close_attitudes_lose_no_digits() -> None:
    trajectory = random_trajectory()
    got = interpolate(trajectory, trajectory.t_ns)
    assert np.abs(got.p_world_body - trajectory.p_world_body).max() < 1e-15
    assert np.abs(np.abs((got.q_world_body * trajectory.q_world_body).sum(1)) - 1).max() < 1e-15
    q = Rotation.from_rotvec([[0.3, 0.2, 0.1], [0.3 + 1e-9, 0.2, 0.1]]).as_quat(scalar_first=True)
    pair = Trajectory(np.array([0, 1000]), np.zeros((2, 3)), q)
    middle = interpolate(pair, np.array([500]))
    parts = [angle_between(q[i : i + 1], middle.q_world_body)[0] for i in (0, 1)]
    assert parts[0] == pytest.approx(parts[1], rel=1e-4)


def test_interpolation_takes_the_shorter_arc_between_opposite_signs() -> None:
    q = Rotation.from_rotvec([[0, 0, 0.1], [0, 0, 0.3]]).as_quat(scalar_first=True)
    pair = Trajectory(np.array([0, 1000]), np.zeros((2, 3)), q * [[1.0], [-1.0]])
    middle = interpolate(pair, np.array([500])).q_world_body
    expected = Rotation.from_rotvec([[0, 0, 0.2]]).as_quat(scalar_first=True)
    assert angle_between(middle, expected)[0] < 1e-12


def test_interpolation_outside_of_the_span_is_refused_with_the_numbers() -> None:
    trajectory = random_trajectory()
    late = trajectory.t_ns[-1] + 1
    with pytest.raises(VioError, match=f"{late} ns: the trajectory covers {trajectory.t_ns[0]}"):
        interpolate(trajectory, np.array([late]))
    with pytest.raises(VioError, match="without poses"):
        interpolate(trajectory.between(0, 1), np.array([late]))


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=9, unique=True),
    st.lists(st.integers(-10, 60), max_size=9),
)
def test_the_nearest_time_is_the_one_a_search_finds(times: list[int], queries: list[int]) -> None:
    times.sort()
    got = nearest_index(np.array(times), np.array(queries, np.int64))
    assert got.tolist() == [
        min(range(len(times)), key=lambda i: abs(times[i] - q)) for q in queries
    ]


def test_products_and_matrices_of_quaternions_equal_scipys() -> None:
    a, b = random_trajectory(seed=3), random_trajectory(seed=4)
    ra, rb = (Rotation.from_quat(t.q_world_body, scalar_first=True) for t in (a, b))
    product = quaternion_product(a.q_world_body, b.q_world_body)
    assert angle_between(product, (ra * rb).as_quat(scalar_first=True)).max() < 1e-14
    assert np.abs(rotation_matrices(a.q_world_body) - ra.as_matrix()).max() < 1e-14


def test_poses_of_another_sensor_equal_products_of_matrices() -> None:
    trajectory = random_trajectory(5, full=True)
    T_old_new = transform_from(Rotation.from_rotvec([0.1, -2.0, 0.7]).as_matrix(), [0.3, 0.2, -1.0])
    moved = moved_sensor(trajectory, T_old_new)
    for i in range(5):
        R = Rotation.from_quat(trajectory.q_world_body[i], scalar_first=True).as_matrix()
        T = transform_from(R, trajectory.p_world_body[i]) @ T_old_new
        assert np.abs(moved.p_world_body[i] - T[:3, 3]).max() < 1e-14
        assert np.abs(rotation_matrices(moved.q_world_body[i : i + 1])[0] - T[:3, :3]).max() < 1e-14
    assert moved.v_world_body is None
    back = moved_sensor(moved, invert_transform(T_old_new))
    assert np.abs(back.p_world_body - trajectory.p_world_body).max() < 1e-14
    assert moved_sensor(trajectory, np.eye(4)) is trajectory


@given(st.integers(-(2**62), 2**62))
def test_nanoseconds_survive_the_text_in_seconds(t_ns: int) -> None:
    assert decimal_seconds_to_ns(seconds_text(t_ns)) == t_ns


@pytest.mark.parametrize("form", ["tum", "euroc", "euroc-full", "kitti"])
def test_a_written_trajectory_reads_back_equal(tmp_path: Path, form: str) -> None:
    trajectory = random_trajectory(full=form == "euroc-full")
    path, times = tmp_path / "trajectory", None
    if form == "tum":
        write_tum(path, trajectory)
    elif form == "kitti":
        times = tmp_path / "times"
        write_kitti(path, times, trajectory)
    else:
        write_euroc(path, trajectory)
    back = read_trajectory(path, times)
    assert back.t_ns.tolist() == trajectory.t_ns.tolist()
    assert np.abs(back.p_world_body - trajectory.p_world_body).max() < 1e-9
    assert angle_between(back.q_world_body, trajectory.q_world_body).max() < 1e-8
    assert (back.accel_bias_m_s2 is not None) == (form == "euroc-full")
    if back.accel_bias_m_s2 is not None and trajectory.accel_bias_m_s2 is not None:
        assert np.abs(back.accel_bias_m_s2 - trajectory.accel_bias_m_s2).max() < 1e-9


def test_evo_reads_our_files_and_we_read_evos(tmp_path: Path) -> None:
    from evo.tools import file_interface

    trajectory = random_trajectory()
    write_tum(tmp_path / "ours", trajectory)
    theirs = file_interface.read_tum_trajectory_file(tmp_path / "ours")
    assert np.abs(theirs.positions_xyz - trajectory.p_world_body).max() < 1e-9
    assert angle_between(theirs.orientations_quat_wxyz, trajectory.q_world_body).max() < 1e-8
    file_interface.write_tum_trajectory_file(tmp_path / "theirs", theirs)
    back = read_trajectory(tmp_path / "theirs")
    # evo keeps seconds as a double: 240 ns steps at the time of EuRoC.
    assert np.abs(back.t_ns - trajectory.t_ns).max() < 300
    assert np.abs(back.p_world_body - trajectory.p_world_body).max() < 1e-9
    write_euroc(tmp_path / "ours.csv", random_trajectory(full=True))
    theirs = file_interface.read_euroc_csv_trajectory(tmp_path / "ours.csv")
    assert np.abs(theirs.positions_xyz - trajectory.p_world_body).max() < 1e-9
    write_kitti(tmp_path / "kitti", tmp_path / "times", trajectory)
    poses = file_interface.read_kitti_poses_file(tmp_path / "kitti")
    assert angle_between(poses.orientations_quat_wxyz, trajectory.q_world_body).max() < 1e-8


GOOD = tum_line(T0, np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0, 0.0]))
NEXT = tum_line(T0 + 50_000_000, np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0, 0.0]))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("# nothing\n", ["holds no poses"]),
        (f"{GOOD}\n{NEXT} 5\n", ["line 2 has 9 columns, the first row has 8"]),
        (f"{GOOD}\n{NEXT.replace('3.000000000', 'x')}\n", ["line 2: 'x' is not a number"]),
        (f"# a\n{GOOD.replace('3.000000000', 'nan')}\n", ["line 2 holds a value that is not fin"]),
        (f"{NEXT}\n{GOOD}\n", ["line 2: time stamps are not sorted"]),
        (f"{GOOD}\n{GOOD}\n{NEXT}\n{GOOD}\n", ["line 4: time stamps are not sorted"]),
        (GOOD.replace(".", "", 1) + "\n", ["too large for seconds", "divide by 1e9 .* nanosec"]),
        (
            GOOD.replace("1403636579.763", "1403636579763.") + "\n",
            ["divide by 1e3 .* milliseconds"],
        ),
        (f"{GOOD[:-11]}0.5\n", ["norm 0.5000", "order of the columns"]),
        ("1 2 3\n", ["line 1 has 3 columns; known: TUM .8.*EuRoC .*KITTI"]),
        ("1 0 0 0 0 1 0 0 0 0 1 0\n", ["KITTI .*--times"]),
        ("1403636579.76,1,2,3,1,0,0,0\n", ["whole number of nanoseconds", "looks like seconds"]),
        ("1403636579763555584,1,2,3\n", ["has 4 columns, expected 8 or 17"]),
    ],
)
def test_a_wrong_trajectory_file_is_named_with_line_and_remedy(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    path = tmp_path / "trajectory.txt"
    path.write_text(text)
    with pytest.raises(VioError) as caught:
        read_trajectory(path)
    assert str(path) in str(caught.value)
    for part in parts:
        assert re.search(part, str(caught.value)), str(caught.value)


def openvins_row(t_ns: int, q_xyzw: str, p: str, more: str = "") -> str:
    """Return a row as OpenVINS's RosVisualizerHelper::sim_save_total_state_to_file writes it."""
    return f"{t_ns / 1e9:.5f} {q_xyzw} {p} 0.1 0.2 0.3 0.01 0.02 0.03 0.4 0.5 0.6 {more}"


OPENVINS_HEADER = "# timestamp(s) q p v bg ba cam_imu_dt num_cam cam0_k cam0_d cam0_rot cam0_trans"


@pytest.mark.parametrize("header", [OPENVINS_HEADER + " .... etc\n", ""])
def test_openvins_states_are_read_as_attitude_of_the_body_in_the_world(
    tmp_path: Path, header: str
) -> None:
    # JPL, global to body: a yaw of +90 degrees of the body has q = (0, 0, s, s), as in Hamilton's
    # body to global; OpenVINS's docs give R_GtoI = C(q) = I - 2 q4 [q x] + 2 [q x]^2.
    s = "0.707107"
    more = "0.00000 1 458.0 457.0 367.0 248.0 0.1 0.1 0.0 0.0 0 0 0 1 0.0 0.0 0.0"
    rows = [openvins_row(T0 + k * 50_000_000, f"0 0 {s} {s}", f"{k} 2 3", more) for k in range(3)]
    path = tmp_path / "state_estimate.txt"
    path.write_text(header + " \n".join(rows) + " \n")
    file = read_trajectory_file(path)
    assert file.form == "openvins"
    got = file.trajectory
    v = np.array([0.0, 0.0, float(s)])
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    R_body_world = np.eye(3) - 2 * float(s) * cross + 2 * cross @ cross
    assert np.abs(rotation_matrices(got.q_world_body)[0].T - R_body_world).max() < 1e-5
    assert got.p_world_body.tolist() == [[0, 2, 3], [1, 2, 3], [2, 2, 3]]
    assert got.v_world_body is not None
    assert got.v_world_body[0].tolist() == [0.1, 0.2, 0.3]
    assert got.gyro_bias_rad_s is not None
    assert got.gyro_bias_rad_s[0].tolist() == [0.01, 0.02, 0.03]
    assert got.accel_bias_m_s2 is not None
    assert got.accel_bias_m_s2[0].tolist() == [0.4, 0.5, 0.6]
    assert np.abs(got.t_ns - T0 - np.arange(3) * 50_000_000).max() <= 5000, "five digits"


def test_vins_fusion_and_openvins_poses_with_covariance_are_read(tmp_path: Path) -> None:
    path = tmp_path / "vio.csv"
    rows = [f"{T0 + k * 10**8},1.0,{k},3.0,0.0,1.0,0.0,0.0,0.5,0.6,0.7," for k in range(3)]
    path.write_text("\n".join(rows) + "\n")
    file = read_trajectory_file(path)
    assert file.form == "vins"
    assert file.trajectory.q_world_body[0].tolist() == [0, 1, 0, 0]
    assert file.trajectory.v_world_body is not None
    assert file.trajectory.v_world_body[2].tolist() == [0.5, 0.6, 0.7]
    assert file.trajectory.gyro_bias_rad_s is None
    assert read_trajectory_file(path, form="vins").form == "vins"
    with pytest.raises(VioError, match="has 11 columns, expected 8 or 17"):
        read_trajectory_file(path, form="euroc")
    path.write_text(f"{GOOD}{' 0.1' * 12}\n{NEXT}{' 0.1' * 12}\n")
    file = read_trajectory_file(path)
    assert (file.form, len(file.trajectory)) == ("tum", 2)
    path.write_text(f"{GOOD}\n{NEXT}\n".replace(" ", ","))
    assert len(read_trajectory(path, form="tum")) == 2
    with pytest.raises(VioError, match="form 'bag' is unknown; known: tum, euroc"):
        read_trajectory(path, form="bag")
    with pytest.raises(VioError, match="line 1 has 8 columns; known: TUM"):
        read_trajectory(path, form="openvins")


@pytest.mark.parametrize("write", [write_tum, write_euroc])
def test_of_doubled_stamps_the_first_row_is_kept_and_the_rest_counted(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    trajectory = random_trajectory(6)
    path = tmp_path / "file"
    write(path, trajectory)
    header, *rows = path.read_text().splitlines()
    moved = dataclasses.replace(trajectory, p_world_body=trajectory.p_world_body + 1.0)
    write(path, moved)
    others = path.read_text().splitlines()[1:]
    order = [rows[0], others[0], rows[1], rows[2], others[2], others[2], *rows[3:]]
    path.write_text("\n".join([header, *order]) + "\n")
    file = read_trajectory_file(path)
    assert file.doubled == 3
    assert file.trajectory.t_ns.tolist() == trajectory.t_ns.tolist()
    assert np.abs(file.trajectory.p_world_body - trajectory.p_world_body).max() < 1e-8


def test_segments_come_from_marks_or_from_the_states_of_a_run(tmp_path: Path) -> None:
    trajectory = random_trajectory(6)
    path, states = tmp_path / "tum.txt", tmp_path / "states.csv"
    write_tum(path, trajectory)
    assert read_trajectory_file(path).segment.tolist() == [1] * 6
    with pytest.raises(VioError, match=r"states no segments; give a run's states\.csv"):
        read_segments(path, trajectory.t_ns)
    header, *rows = path.read_text().splitlines()
    marked = [header, "# segment 1: a new world", *rows[:4], "# segment 3: a new world", *rows[4:]]
    path.write_text("\n".join(marked))
    assert read_trajectory_file(path).segment.tolist() == [1, 1, 1, 1, 3, 3]
    lines = [f"{i},{t},tracking,{1 + i // 2}" for i, t in enumerate(trajectory.t_ns)]
    states.write_text("\n".join(["frame_index,t_ns,status,segment", *lines]))
    assert read_segments(states, trajectory.t_ns + 1).tolist() == [1, 1, 2, 2, 3, 3]
    assert read_segments(path, trajectory.t_ns[3:]).tolist() == [1, 3, 3]
    states.write_text(states.read_text() + "\n6,x,tracking,1\n")
    with pytest.raises(VioError, match="line 8: t_ns and segment are not whole numbers"):
        read_segments(states, trajectory.t_ns)


@given(
    st.lists(st.sampled_from([*"0123456789.-,# \n", "nan", "1e9", "segment", GOOD]), max_size=60)
)
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory: Any, parts: list[str]) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_text("".join(parts))
    for form in (None, *FORMS):
        try:
            file = read_trajectory_file(path, form=form)
        except VioError as error:
            message = str(error)
        else:
            message = "" if len(file.segment) == len(file.trajectory) > 0 else "two\nlengths"
        assert "\n" not in message


def test_wrong_kitti_files_are_refused(tmp_path: Path) -> None:
    path, times = tmp_path / "poses", tmp_path / "times"
    write_kitti(path, times, random_trajectory(4))
    times.write_text("\n".join(times.read_text().splitlines()[:-1]))
    with pytest.raises(VioError, match=r"3 time stamps, but .* 4 poses"):
        read_trajectory(path, times)
    times.write_text("0.1\n")
    path.write_text("2 0 0 0 0 1 0 0 0 0 1 0\n")
    with pytest.raises(VioError, match=r"line 1: the matrix is not a rotation .* by 3"):
        read_trajectory(path, times)


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VioError, match="does not exist"):
        read_trajectory(tmp_path / "none")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(VioError, match="cannot be read as text"):
        read_trajectory(tmp_path / "binary")


def test_length_and_cuts_are_those_of_the_poses() -> None:
    p = np.array([[0.0, 0, 0], [3, 4, 0], [3, 4, 12]])
    t_ns = np.array([10, 20, 30])
    trajectory = Trajectory(t_ns, p, np.tile([1.0, 0, 0, 0], (3, 1)))
    assert trajectory.length_m() == 17.0
    assert trajectory.between(20, 30).t_ns.tolist() == [20, 30]
    assert trajectory.between(11, 19).length_m() == 0.0

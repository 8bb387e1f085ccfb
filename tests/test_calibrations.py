# SPDX-License-Identifier: Apache-2.0
"""Calibrations go round the circle of EuRoC, Kalibr, Basalt and OpenCV and stay what they are."""

import json
import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.test_datasets_rigs import KALIBR_IMU
from vio.camera import MODELS, StereoRig
from vio.cli import main
from vio.datasets.lenses import _project, fit_kannala_brandt
from vio.errors import VioError
from vio.geometry import exp_so3, matrix_from_quaternion, transform_from
from vio.imu import ImuNoise
from vio.render.calibration import euroc_rig
from vio.runs.calibrations.common import Rig
from vio.runs.calibrations.forms import FORMS, read_form, write_form

NOISE = ImuNoise(200.0, 1.6968e-04, 1.9393e-05, 2.0e-3, 3.0e-3)


def calibration(model: str) -> Rig:
    rig = euroc_rig()
    cameras = [replace(c, model=model, distortion=(0.01, -0.02, 0.003, 0.0004)) for c in
               (rig.left, rig.right)]  # fmt: skip
    return Rig(StereoRig(*cameras), NOISE, [])


def place(folder: Path, form: str) -> Path:
    return folder / {"basalt": "c.json", "opencv": "c.yaml"}.get(form, form)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("path", list(permutations(FORMS))[::5])
def test_round_the_circle_a_calibration_stays_the_same(
    path: tuple[str, ...], model: str, tmp_path: Path
) -> None:
    start = found = calibration(model)
    for form in path:
        where = place(tmp_path, form)
        write_form(found, form, where)
        found, guessed = read_form(where)
        assert guessed == form
        assert found.notes == []
    assert found.noise == start.noise
    for a, b in ((start.rig.left, found.rig.left), (start.rig.right, found.rig.right)):
        assert (a.model, a.width, a.height) == (b.model, b.width, b.height)
        assert np.allclose(a.params, b.params, rtol=0.0, atol=1e-12)
        assert np.allclose(a.T_body_cam, b.T_body_cam, rtol=0.0, atol=1e-12)


def point_in_cameras(folder: Path, form: str, p_imu: np.ndarray) -> list[np.ndarray]:
    """Return a point in both cameras' frames, by the definitions of the form's own program."""
    if form == "euroc":
        out = []
        for k in range(2):
            text = (folder / f"cam{k}" / "sensor.yaml").read_text()
            T = np.array(yaml.safe_load(text)["T_BS"]["data"]).reshape(4, 4)
            out.append(T[:3, :3].T @ (p_imu - T[:3, 3]))
        return out
    if form == "kalibr":
        entries = yaml.safe_load((folder / "camchain.yaml").read_text())
        first = (np.array(entries["cam0"]["T_cam_imu"]) @ [*p_imu, 1.0])[:3]
        second = (np.array(entries["cam1"]["T_cn_cnm1"]) @ [*first, 1.0])[:3]
        assert np.allclose(np.array(entries["cam1"]["T_cam_imu"]) @ [*p_imu, 1.0], [*second, 1.0])
        return [first, second]
    if form == "basalt":
        out = []
        for pose in json.loads(folder.read_text())["value0"]["T_imu_cam"]:
            R = matrix_from_quaternion(np.array([pose[k] for k in ("qw", "qx", "qy", "qz")]))
            out.append(R.T @ (p_imu - [pose["px"], pose["py"], pose["pz"]]))
        return out
    import cv2

    storage = cv2.FileStorage(str(folder), cv2.FILE_STORAGE_READ)
    R, t, T = (storage.getNode(k).mat() for k in ("R", "T", "T_cam0_imu"))
    first = (T @ [*p_imu, 1.0])[:3]
    return [first, R @ first + t.ravel()]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_states_the_poses_in_its_own_direction(form: str, tmp_path: Path) -> None:
    rig = calibration(MODELS[0])
    where = place(tmp_path, form)
    write_form(rig, form, where)
    p = np.array([0.3, -0.7, 2.1])
    wanted = [(np.linalg.inv(c.T_body_cam) @ [*p, 1.0])[:3] for c in (rig.rig.left, rig.rig.right)]
    for a, b in zip(point_in_cameras(where, form, p), wanted, strict=True):
        assert np.allclose(a, b, atol=1e-12)
    swapped = Rig(rig.rig, rig.noise, [])
    other = place(tmp_path / "other", form)
    T = transform_from(exp_so3(np.array([0.1, 0.2, 0.3])), np.array([0.01, 0.02, 0.03]))
    left = replace(swapped.rig.left, T_body_cam=T @ swapped.rig.left.T_body_cam)
    right = replace(swapped.rig.right, T_body_cam=T @ swapped.rig.right.T_body_cam)
    write_form(Rig(StereoRig(left, right), rig.noise, []), form, other)
    assert not np.allclose(point_in_cameras(other, form, p)[0], wanted[0], atol=1e-3)


@pytest.mark.parametrize(
    ("model", "shape", "focal", "d", "limit"),
    [
        ("omni", (0.9,), 760.0, (-0.05, 0.01, 0.0, 0.0), 0.05),
        ("omni", (1.6,), 900.0, (0.0, 0.0, 0.0, 0.0), 0.05),
        ("ds", (-0.2, 0.57), 330.0, (0.0, 0.0, 0.0, 0.0), 0.05),
        ("ds", (0.3, 0.6), 400.0, (0.0, 0.0, 0.0, 0.0), 0.05),
        ("eucm", (0.6, 1.1), 300.0, (0.0, 0.0, 0.0, 0.0), 0.05),
    ],
)
def test_other_lenses_are_fitted_and_the_residual_is_that_of_fresh_rays(
    model: str, shape: tuple[float, ...], focal: float, d: tuple[float, ...], limit: float
) -> None:
    fit = fit_kannala_brandt(model, shape, (focal, focal + 2.0, 370.0, 250.0), d, (752, 480), "x")
    assert fit.max_px < limit
    assert fit.rms_px < fit.max_px
    rng = np.random.default_rng(1)
    rays = rng.normal(size=(20_000, 3))
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    rays = rays[rays[:, 2] > np.cos(np.radians(fit.angle_deg))]
    uv = _project(model, shape, np.array(d), rays) * (focal, focal + 2.0) + (370.0, 250.0)
    inside = ((uv > 0.0) & (uv < (752, 480))).all(axis=1)
    apart = np.linalg.norm(fit.camera.project(rays[:, :2] / rays[:, 2:]) - uv, axis=1)[inside]
    assert inside.sum() > 500
    assert apart.max() < 1.2 * fit.max_px + 1e-6
    # The definitions, for one ray: the double sphere's two unit spheres, the unified model's one.
    x, y, z = 0.3, -0.2, 0.9327379053088815
    if model == "ds":
        xi, alpha = shape
        d2 = np.sqrt(x * x + y * y + (xi + z) ** 2)
        by_hand = np.array([x, y]) / (alpha * d2 + (1 - alpha) * (xi + z))
        assert np.allclose(_project(model, shape, np.zeros(4), np.array([[x, y, z]]))[0], by_hand)


def test_a_lens_that_cannot_be_fitted_is_refused() -> None:
    for shape, what in (((20.0,), "xi of omni is 20"), ((float("nan"),), "xi of omni is nan")):
        with pytest.raises(VioError, match=what):
            fit_kannala_brandt("omni", shape, (400.0,) * 4, (0.0,) * 4, (752, 480), "x")
    pinhole = (800.0, 800.0, 370.0, 250.0)
    with pytest.raises(VioError, match=r"a pixel stays \d+\.\d\d px apart"):
        fit_kannala_brandt("omni", (1.0,), pinhole, (0.0, 0.0, 0.3, 0.0), (752, 480), "x")


def test_kalibrs_and_basalts_other_lenses_are_fitted_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = calibration(MODELS[1])
    write_form(rig, "kalibr", tmp_path / "k")
    path = tmp_path / "k" / "camchain.yaml"
    text = path.read_text()
    for old, new in (
        (r"camera_model: pinhole", "camera_model: omni"),
        (r"distortion_model: equidistant", "distortion_model: radtan"),
        (r"distortion_coeffs: \[.*\]", "distortion_coeffs: [-0.05, 0.01, 0.0, 0.0]"),
        (r"intrinsics: \[", "intrinsics: [0.9, "),
    ):
        text = re.sub(old, new, text)
    path.write_text(text.replace("458.654", "860.0").replace("457.296", "860.0"))
    assert main(["calibration", "convert", str(tmp_path / "k"), str(tmp_path / "b.json"),
                 "--to", "basalt"]) == 0  # fmt: skip
    out = capsys.readouterr()
    assert len(re.findall(r"omni is fitted by equidistant .*: 0\.0\d+ px rms", out.err)) == 2
    assert out.out.startswith("kalibr -> basalt: ")
    value = json.loads((tmp_path / "b.json").read_text())
    assert value["value0"]["intrinsics"][0]["camera_type"] == "kb4"
    for lens in value["value0"]["intrinsics"]:
        lens["camera_type"] = "ds"
        lens["intrinsics"] = {"fx": 330.0, "fy": 331.0, "cx": 370.0, "cy": 250.0, "xi": -0.2,
                              "alpha": 0.57}  # fmt: skip
    value["value0"]["gyro_noise_std"][1] *= 2.0
    value["value0"]["cam_time_offset_ns"] = 5000
    value["value0"]["calib_gyro_bias"][2] = 0.1
    (tmp_path / "ds.json").write_text(json.dumps(value))
    found, form = read_form(tmp_path / "ds.json")
    assert form == "basalt"
    assert found.noise.gyro_noise == 2.0 * NOISE.gyro_noise
    assert sum("ds is fitted" in n for n in found.notes) == 2
    assert found.shift_ns == (5000, 5000)
    offset = "cam_time_offset_ns is 0.005 and 0.005 ms; of the forms written, Kalibr's keeps it"
    for part in ("gyro_noise_std differs", offset, "calib_gyro_bias is left"):
        assert any(part in n for n in found.notes)
    assert main(["calibration", "convert", str(tmp_path / "ds.json"), str(tmp_path / "b.json"),
                 "--to", "basalt"]) == 2  # fmt: skip
    assert "is there already; name another place" in capsys.readouterr().err


def test_the_clocks_offset_goes_round_between_kalibr_and_basalt(tmp_path: Path) -> None:
    """Both add it to the images' stamps: t_imu = t_cam + timeshift_cam_imu."""
    rig = replace(calibration(MODELS[0]), shift_ns=(-7_300_000, -7_300_000))
    write_form(rig, "basalt", tmp_path / "b.json")
    value = json.loads((tmp_path / "b.json").read_text())
    assert value["value0"]["cam_time_offset_ns"] == -7_300_000
    basalt, _ = read_form(tmp_path / "b.json")
    write_form(basalt, "kalibr", tmp_path / "k")
    assert (tmp_path / "k" / "camchain.yaml").read_text().count("timeshift_cam_imu: -0.0073\n") == 2
    kalibr, _ = read_form(tmp_path / "k")
    assert kalibr.shift_ns == rig.shift_ns
    # Basalt has one for both.
    write_form(replace(rig, shift_ns=(0, 1000)), "basalt", tmp_path / "apart.json")
    value = json.loads((tmp_path / "apart.json").read_text())
    assert value["value0"]["cam_time_offset_ns"] == 0
    value["value0"]["cam_time_offset_ns"] = 2e18  # a date
    (tmp_path / "far.json").write_text(json.dumps(value))
    with pytest.raises(VioError, match=r"cam_time_offset_ns is 2e\+18, expected at most"):
        read_form(tmp_path / "far.json")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "is no calibration of Basalt's form"),
        ("a.json", "[" * 100_000, "is no calibration of Basalt's form"),
        (
            "a.json",
            '{"value0": {"T_imu_cam": [], "intrinsics": [], "resolution": []}}',
            "two cameras",
        ),
        ("a.yaml", "x: 1", "Kalibr's has cam0, OpenCV's M1, Basalt's is JSON"),
        ("a.yaml", "cam0: 1", r"holds no imu\*\.yaml of Kalibr beside a.yaml"),
        ("a.yaml", "M1: 1", "has no T_cam0_imu: OpenCV's form does not say where the inertial"),
        ("a.yaml", "M1: 1\nT_cam0_imu: 2", r"has no matrix R \(rows, cols, dt, data\)"),
    ],
)
def test_what_is_no_calibration_is_one_line(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(VioError, match=message):
        read_form(tmp_path / name)


def test_damage_in_a_calibration_names_the_entry(tmp_path: Path) -> None:
    rig = calibration(MODELS[0])
    write_form(rig, "basalt", tmp_path / "b.json")
    write_form(rig, "opencv", tmp_path / "o.yaml")
    text = (tmp_path / "b.json").read_text()
    for old, new, message in (
        ('"qw": ', '"qw": 7', "quaternion of T_imu_cam has length"),
        ('"fx": ', '"fx": -', r"camera 0: fu is -\d+"),
        (
            '"pinhole-radtan8"',
            '"spline"',
            "camera_type 'spline' is unknown; known: pinhole-radtan8",
        ),
        ('"k5": 0.0', '"k5": 0.1', "k5 is not 0"),
        ('"accel_bias_std": [', '"accel_bias_std": [1, ', "accel_bias_std has 4 values"),
    ):
        (tmp_path / "x.json").write_text(text.replace(old, new, 1))
        with pytest.raises(VioError, match=message):
            read_form(tmp_path / "x.json")
    text = (tmp_path / "o.yaml").read_text()
    for old, new, message in (
        ("rows: 3\n   cols: 3", "rows: 3\n   cols: 2", "M1: data has 9 values"),
        ("distortion_model: radtan\n", "distortion_model: soft\n", "distortion_model 'soft' is"),
        ("update_rate", "rate", "no 'update_rate'"),
    ):
        (tmp_path / "x.yaml").write_text(text.replace(old, new, 1))
        with pytest.raises(VioError, match=message):
            read_form(tmp_path / "x.yaml")
    (tmp_path / "imu.yaml").write_text(KALIBR_IMU)
    with pytest.raises(VioError, match="form 'ros' is unknown; known: euroc, kalibr, basalt"):
        write_form(rig, "ros", tmp_path / "r")

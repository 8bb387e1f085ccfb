# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by the tests: real data found through VIO_DATA, and tiny EuRoC recordings."""

import fcntl
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from vio.datasets.manifest import data_folder

# The same examples in every run: a failure is a change of ours, never luck.
settings.register_profile("kestrel", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("kestrel")

START_NS = 1_403_636_579_763_555_584
FRAMES = 12
FRAME_STEP_NS = 50_000_000
IMU_STEP_NS = 5_000_000
SIZE = (64, 48)

_T_BS = {
    "cam0": [0, -1, 0, 0.01, 1, 0, 0, -0.05, 0, 0, 1, 0.02, 0, 0, 0, 1],
    "cam1": [0, -1, 0, 0.01, 1, 0, 0, 0.06, 0, 0, 1, 0.02, 0, 0, 0, 1],
}


@pytest.fixture(autouse=True)
def _compile_when_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that run in this process compile what they call, and nothing ahead."""
    monkeypatch.setattr("vio.runs.warm_up.needs_warm_up", lambda config: False)
    monkeypatch.setattr("vio.commands.demo.compiling_ahead", lambda config: nullcontext())


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder with euroc/ and euroc_tracks/, or skip."""
    path = data_folder()
    if not (path / "euroc" / "MH_01_easy" / "mav0").is_dir():
        pytest.skip(f"no EuRoC data in {path.resolve()}: set VIO_DATA to the folder with euroc/")
    return path


@pytest.fixture(scope="session")
def rendered_flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the rendered flight of tests/accuracy.py, made once for all processes of a run."""
    from tests.accuracy import render_flight  # the odometry with it: not for every test

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    flight = shared / "rendered_flight"
    with (shared / "rendered_flight.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not flight.exists():
            render_flight(shared / "rendering").rename(flight)
    return flight


def camera_yaml(name: str) -> str:
    """Return a camera's sensor.yaml, with the line and the tag that OpenCV writes."""
    return (
        "%YAML:1.0\nsensor_type: camera\nT_BS: !!opencv-matrix\n  cols: 4\n  rows: 4\n"
        f"  data: {_T_BS[name]}\nrate_hz: 20\nresolution: [{SIZE[0]}, {SIZE[1]}]\n"
        "camera_model: pinhole\nintrinsics: [50.0, 50.0, 32.0, 24.0]\n"
        "distortion_model: radial-tangential\n"
        "distortion_coefficients: [-0.2, 0.05, 0.0002, 0.00002]\n"
    )


IMU_YAML = """\
sensor_type: imu
T_BS:
  cols: 4
  rows: 4
  data: [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
rate_hz: 200
gyroscope_noise_density: 1.7e-04
gyroscope_random_walk: 1.9e-05
accelerometer_noise_density: 2.0e-3
accelerometer_random_walk: 3.0e-3
"""


def image(camera: int, index: int) -> np.ndarray:
    """Return the pixels of the tiny recording's image: noise that tells camera and index."""
    rng = np.random.default_rng(1000 * camera + index)
    return rng.integers(0, 256, (SIZE[1], SIZE[0]), dtype=np.uint8)


def write_csv(path: Path, header: str, rows: list[str]) -> None:
    """Write a csv with a # header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"#{header}", *rows]) + "\n")


def write_recording(root: Path, frames: int = FRAMES) -> Path:
    """Write a tiny recording in EuRoC layout below root and return its mav0 folder."""
    mav0 = root / "mav0"
    for camera, name in enumerate(("cam0", "cam1")):
        times = [START_NS + i * FRAME_STEP_NS for i in range(frames)]
        write_csv(mav0 / name / "data.csv", "t,name", [f"{t},{t}.png" for t in times])
        (mav0 / name / "sensor.yaml").write_text(camera_yaml(name))
        (mav0 / name / "data").mkdir()
        for i, t in enumerate(times):
            Image.fromarray(image(camera, i)).save(mav0 / name / "data" / f"{t}.png")
    count = (frames + 1) * FRAME_STEP_NS // IMU_STEP_NS
    times = [START_NS - FRAME_STEP_NS // 2 + i * IMU_STEP_NS for i in range(count)]
    rows = [f"{t},0.1,{i * 1e-3:.3f},0,0,0,{9.81 + i * 1e-4:.4f}" for i, t in enumerate(times)]
    write_csv(mav0 / "imu0" / "data.csv", "t,w,w,w,a,a,a", rows)
    (mav0 / "imu0" / "sensor.yaml").write_text(IMU_YAML)
    truth = mav0 / "state_groundtruth_estimate0" / "data.csv"
    rows = [f"{t},{i * 0.005:.4f},0,1,1,0,0,0,1,0,0,0,0,0,0,0,0" for i, t in enumerate(times)]
    write_csv(truth, "t,p,p,p,q,q,q,q,v,v,v,bw,bw,bw,ba,ba,ba", rows)
    return mav0


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Return the mav0 folder of a tiny recording of 12 frames, to be read or spoilt."""
    return write_recording(tmp_path / "tiny")


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    """Return a function that replaces a text in a file, which must occur there."""

    def replace_text(path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text, f"{old!r} is not in {path}"
        path.write_text(text.replace(old, new, 1))

    return replace_text

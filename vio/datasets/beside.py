# SPDX-License-Identifier: Apache-2.0
"""Find the calibration of a recording that holds none itself: a bag, a folder of images."""

from pathlib import Path
from typing import Any

from vio.datasets import kalibr
from vio.datasets.files import FolderFiles, read_text
from vio.datasets.rig import CAMERAS, SENSOR, Calibration, check_rig, read_calibration, rig_of
from vio.datasets.yaml_text import parse_entries
from vio.errors import VioError
from vio.limits import MAX_SETTINGS_BYTES

# The names of the topics of left camera, right camera and inertial sensor; empty when not stated.
Topics = tuple[str, str, str]


def calibration_beside(places: list[Path], warnings: list[str]) -> tuple[Calibration, Topics]:
    """Return the calibration in the first of some places that holds one, and Kalibr's topics.

    places: folders with sensor.yaml files in EuRoC's layout or with Kalibr's files, or a camchain
    with Kalibr's inertial file beside it. Raises VioError when there is none, or saying what is
    wrong.
    """
    for path in places:
        if path.is_file():
            return _of_camchain(path, warnings)
        files = FolderFiles(path / "mav0" if (path / "mav0").is_dir() else path)
        chain, inertial = kalibr.find_camchain(files), kalibr.find_imu(files)
        cameras = tuple(c for c in CAMERAS if SENSOR in files.list(c))
        asl = CAMERAS[0] in cameras and SENSOR in files.list("imu0")
        if asl or (chain is not None and inertial is not None):
            if not cameras and chain is not None:
                cameras = CAMERAS[: kalibr.camera_count(chain)]
            return read_calibration(files, warnings, cameras), _topics(chain, inertial)
    raise VioError(
        f"{' and '.join(map(str, places))}: no calibration there; put Kalibr's camchain*.yaml and "
        "imu*.yaml beside the recording, or EuRoC's cam0/sensor.yaml, cam1/sensor.yaml and "
        "imu0/sensor.yaml, or name their folder (--calibration DIR)"
    )


def _of_camchain(path: Path, warnings: list[str]) -> tuple[Calibration, Topics]:
    files = FolderFiles(path.parent)
    chain, inertial = kalibr.Found(files, path.name), kalibr.find_imu(files)
    if inertial is None:
        raise VioError(f"{path.parent} holds no imu*.yaml of Kalibr beside {path.name}")
    count = kalibr.camera_count(chain)
    rig = rig_of(kalibr.read_camchain(chain, warnings, count=count))
    check_rig(rig, chain.where)
    noise, T_B_imu = kalibr.read_imu(inertial)
    shift_ns = kalibr.read_shifts(chain, count)
    return Calibration(rig, noise, T_B_imu, False, False, shift_ns), _topics(chain, inertial)


def _topics(chain: kalibr.Found | None, inertial: kalibr.Found | None) -> Topics:
    """Return the rostopic entries of Kalibr's files."""
    cameras = _entries(chain)
    sensor = _entries(inertial)
    sensor = sensor["imu0"] if isinstance(sensor.get("imu0"), dict) else sensor
    nodes = [cameras.get(c) for c in CAMERAS] + [sensor]
    left, right, imu = (str(n.get("rostopic") or "") if isinstance(n, dict) else "" for n in nodes)
    return left, right, imu


def _entries(found: kalibr.Found | None) -> dict[str, Any]:
    if found is None:
        return {}
    text = read_text(found.files, found.name, "a calibration", MAX_SETTINGS_BYTES)
    return parse_entries(text, found.where)

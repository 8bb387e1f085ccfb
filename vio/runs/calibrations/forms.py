# SPDX-License-Identifier: Apache-2.0
"""Calibrations in the forms of EuRoC, Kalibr, Basalt and OpenCV: read any, write any.

How each form states where a camera sits. All become T_body_cam, with the inertial sensor as body:

    EuRoC    T_BS        sensor to body, in cam*/sensor.yaml and imu0/sensor.yaml
    Kalibr   T_cam_imu   inertial sensor to camera; T_cn_cnm1 camera n-1 to camera n
    Basalt   T_imu_cam   camera to inertial sensor, as position and quaternion
    OpenCV   R, T        first camera to second camera (stereoCalibrate); no inertial sensor:
                         T_cam0_imu and the noise stand beside them as entries of our own
"""

from collections.abc import Callable
from pathlib import Path

from vio.datasets import kalibr
from vio.datasets.files import FolderFiles
from vio.datasets.rig import CAMERAS, SENSOR, read_calibration
from vio.datasets.yaml_text import parse_entries
from vio.errors import VioError
from vio.limits import MAX_SETTINGS_BYTES, quoted, read_text_file, reason
from vio.render import asl
from vio.runs.calibrations import basalt, opencv
from vio.runs.calibrations import kalibr as kalibr_form
from vio.runs.calibrations.common import Rig

FORMS = ("euroc", "kalibr", "basalt", "opencv")


def read_form(path: Path) -> tuple[Rig, str]:
    """Return the calibration at path and its form, guessed from the contents.

    Raises VioError when there is none, or saying which entry is wrong.
    """
    if not path.exists():
        raise VioError(f"{path} does not exist; give a folder or file with a calibration")
    if path.is_dir():
        files = FolderFiles(path / "mav0" if (path / "mav0").is_dir() else path)
        if all(SENSOR in files.list(c) for c in CAMERAS):
            notes: list[str] = []
            found = read_calibration(files, notes)
            return Rig(found.rig, found.imu_noise, notes), "euroc"
        chain, imu = kalibr.find_camchain(files), kalibr.find_imu(files)
        if chain is None or imu is None:
            raise VioError(
                f"{path} holds no calibration: neither cam0/{SENSOR} and cam1/{SENSOR} nor "
                "Kalibr's camchain*.yaml with imu*.yaml"
            )
        return kalibr_form.read(chain, imu), "kalibr"
    text = read_text_file(path, "a calibration", MAX_SETTINGS_BYTES)
    if path.suffix.lower() == ".json":
        return basalt.read(text, str(path)), "basalt"
    entries = parse_entries(text, str(path))
    if "M1" in entries:
        return opencv.read(entries, str(path)), "opencv"
    if "cam0" in entries:
        files = FolderFiles(path.parent)
        imu = kalibr.find_imu(files)
        if imu is None:
            raise VioError(f"{path.parent} holds no imu*.yaml of Kalibr beside {path.name}")
        return kalibr_form.read(kalibr.Found(files, path.name), imu), "kalibr"
    raise VioError(
        f"{path} is no calibration of a known form: Kalibr's has cam0, OpenCV's M1, Basalt's is "
        "JSON"
    )


def write_form(rig: Rig, form: str, path: Path) -> list[Path]:
    """Write a calibration and return its files: below path (euroc, kalibr) or path itself.

    Raises VioError when something is there already, or for an unknown form.
    """
    writers: dict[str, Callable[[Rig], dict[str, str]]] = {
        "euroc": _write_euroc,
        "kalibr": kalibr_form.write,
        "basalt": basalt.write,
        "opencv": opencv.write,
    }
    if form not in writers:
        raise VioError(f"form {quoted(form)} is unknown; known: {', '.join(FORMS)}")
    texts = {path / name if name else path: text for name, text in writers[form](rig).items()}
    for file in texts:
        if file.exists():
            raise VioError(f"{file} is there already; name another place")
    try:
        for file, text in texts.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise VioError(f"{path} cannot be written: {reason(error)}") from None
    return list(texts)


def _write_euroc(rig: Rig) -> dict[str, str]:
    comment = "converted by vio calibration"
    return {
        f"cam0/{SENSOR}": asl.camera_yaml(rig.rig.left, comment),
        f"cam1/{SENSOR}": asl.camera_yaml(rig.rig.right, comment),
        f"imu0/{SENSOR}": asl.imu_yaml(rig.noise, comment),
    }

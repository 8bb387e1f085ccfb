# SPDX-License-Identifier: Apache-2.0
"""Files from strangers: what is too large, leads elsewhere or hides something is refused."""

import os
import shutil
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import FRAME_STEP_NS, START_NS
from vio import limits
from vio.config import load_config
from vio.datasets import open_dataset
from vio.datasets.files import FolderFiles
from vio.datasets.trajectories import read_trajectory
from vio.datasets.yaml_text import parse_entries
from vio.errors import VioError
from vio.hw.hls.operand_files import load_operands, save_operands
from vio.render.scenario import load_scenario

Edit = Callable[[Path, str, str], None]


def png_of(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size; its pixels are missing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def refused(path: Path, *parts: str) -> None:
    with pytest.raises(VioError) as caught:
        list(open_dataset(path).frames())
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def zip_of(recording: Path, out: Path, add: Callable[[zipfile.ZipFile], None]) -> Path:
    """Return a zip of a recording with something added."""
    path = Path(shutil.make_archive(str(out), "zip", recording.parent))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        add(archive)
    return path


def test_nested_aliases_are_refused_at_once(recording: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    (recording / "cam0" / "sensor.yaml").write_text("\n".join(lines))
    start = time.perf_counter()
    refused(recording, "cam0/sensor.yaml is not valid YAML", "anchors (&name) are not read")
    assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: *b", "aliases (*name) are not read"),
        ("[" * 5000, "nested too deeply"),
        ("- " * 5000, "nested too deeply"),
        ("a: 1\n" * 60_000, "larger than 250000 bytes"),
        ("a: !!python/object/apply:os.system [x]\nb: [", "not valid YAML"),
        ("\0", "not valid YAML"),
    ],
)
def test_yaml_that_grows_or_nests_is_refused(text: str, part: str) -> None:
    with pytest.raises(
        VioError, match=part.replace("(", r"\(").replace("*", r"\*").replace(")", r"\)")
    ):
        parse_entries(text, "sensor.yaml")


def test_tags_build_nothing() -> None:
    assert parse_entries("a: !!python/object/apply:os.getcwd []\nb: !!int 3", "x") == {
        "a": [],
        "b": "3",
    }


def test_a_text_file_beyond_its_limit_is_refused(recording: Path) -> None:
    (recording / "cam0" / "sensor.yaml").write_text("#" * 250_001)
    refused(recording, "cam0/sensor.yaml cannot be read: it is larger than 250000 bytes")


def test_values_of_files_are_shown_shortened(recording: Path, edit: Edit) -> None:
    edit(recording / "cam0" / "sensor.yaml", "pinhole", "p" * 5000)
    with pytest.raises(VioError) as caught:
        open_dataset(recording)
    assert "ppp" in str(caught.value)
    assert "p" * limits.MAX_SHOWN not in str(caught.value)
    assert len(limits.shown("x" * 900)) == len(limits.quoted("x" * 900)) == limits.MAX_SHOWN


def test_a_bomb_among_the_images_is_a_lost_image_and_one_first_is_passed_over(
    recording: Path,
) -> None:
    for index in (0, 5):
        name = f"{START_NS + index * FRAME_STEP_NS}.png"
        (recording / "cam1" / "data" / name).write_bytes(png_of(60_000, 60_000))
    data = open_dataset(recording)
    frames = list(data.frames())
    assert [i for i, f in enumerate(frames) if f.right is None] == [0, 5]
    assert len(data.warnings) == 2
    assert all("its header claims 60000x60000 pixels" in w for w in data.warnings)


def test_an_image_is_compared_with_the_calibration_before_it_is_decoded(recording: Path) -> None:
    (recording / "cam0" / "data" / f"{START_NS}.png").write_bytes(png_of(8000, 8000))
    refused(recording, "is 8000x8000 pixels, but the calibration is for 64x48")


def test_images_none_of_which_can_be_decoded_are_refused(recording: Path) -> None:
    for path in (recording / "cam0" / "data").iterdir():
        path.write_bytes(b"GIF89a")
    refused(recording, "none of the 12 images", "no known image format")


@pytest.mark.parametrize("name", ["../../x.png", "/etc/passwd", "a\\b.png"])
def test_image_names_that_lead_elsewhere_are_refused(
    recording: Path, edit: Edit, name: str
) -> None:
    edit(recording / "cam0" / "data.csv", f",{START_NS}.png", f",{name}")
    refused(recording, "cam0/data.csv, line 2: the image name")


def test_links_out_of_a_recording_are_refused_and_those_within_are_followed(
    recording: Path, tmp_path: Path
) -> None:
    path = recording / "imu0" / "sensor.yaml"
    path.rename(recording / "kept.yaml")
    path.symlink_to(recording / "kept.yaml")
    assert len(list(open_dataset(recording).frames())) == 12
    (recording / "kept.yaml").rename(tmp_path / "outside.yaml")
    path.unlink()
    path.symlink_to(tmp_path / "outside.yaml")
    refused(recording, "imu0/sensor.yaml", "a link there leads out of the recording's folder")


def test_fifos_and_devices_are_refused_without_waiting(recording: Path, tmp_path: Path) -> None:
    path = recording / "imu0" / "data.csv"
    path.unlink()
    os.mkfifo(path)
    refused(recording, "imu0/data.csv cannot be read: it is no regular file")
    os.mkfifo(tmp_path / "pipe.zip")
    refused(tmp_path / "pipe.zip", "is no regular file")
    for source in (tmp_path / "pipe.zip", "/dev/zero"):
        with pytest.raises(VioError, match="is no regular file"):
            read_trajectory(source)
    with pytest.raises(OSError, match="climbs out"):
        FolderFiles(tmp_path).read("../x")


def link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("mav0/cam0/data/x.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


@pytest.mark.parametrize(
    ("add", "parts"),
    [
        (lambda a: a.writestr("../x", ""), ["'../x' climbs out of its folder"]),
        (lambda a: a.writestr("/x", ""), ["'/x' is an absolute path"]),
        (lambda a: a.writestr("mav0\\x", ""), ["holds a backslash", "forward slashes"]),
        (link, ["is a link or a device"]),
        (lambda a: a.writestr("mav0/x", bytes(5_000_000)), ["times its size, more than 200"]),
    ],
)
def test_zips_with_harmful_members_are_refused(
    recording: Path, tmp_path: Path, add: Callable[[zipfile.ZipFile], None], parts: list[str]
) -> None:
    refused(zip_of(recording, tmp_path / "bad", add), *parts)


def changed_members(path: Path, field: int, value: bytes) -> None:
    """Overwrite a field of every entry in a zip's list of members."""
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + field : at + field + len(value)] = value
        at = data.find(b"PK\1\2", at + 4)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        (8, b"\1\0", "is encrypted; unpack it with its password"),
        (10, b"\x09\0", "compressed by deflate64"),
        (10, b"\x61\0", "compressed by method 97"),
        (24, b"\0\0\0\x7f", "more than 536870912"),
        (20, b"\0\0\0\x7f", "claims 2130706432 bytes of an archive of"),
    ],
)
def test_members_that_cannot_be_unpacked_are_refused(
    recording: Path, tmp_path: Path, field: int, value: bytes, part: str
) -> None:
    path = Path(shutil.make_archive(str(tmp_path / "one"), "zip", recording.parent))
    changed_members(path, field, value)
    refused(path, part)


def test_a_member_whose_unpacking_would_reserve_gigabytes_is_refused(
    recording: Path, tmp_path: Path
) -> None:
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for file in sorted(recording.rglob("*")):
            if file.is_file():
                archive.write(file, f"mav0/{file.relative_to(recording)}")
    open_dataset(path)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("mav0/imu0/data.csv")
    data = bytearray(path.read_bytes())
    dictionary = member.header_offset + 30 + len(member.filename) + 5
    data[dictionary : dictionary + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    refused(path, "imu0/data.csv cannot be read", "needs 4294967295 bytes, more than 67108864")


def test_a_damaged_table_in_a_zip_is_named(recording: Path, tmp_path: Path) -> None:
    path = Path(shutil.make_archive(str(tmp_path / "one"), "zip", recording.parent))
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("mav0/imu0/data.csv").header_offset
    data = bytearray(path.read_bytes())
    data[at + 60 : at + 160] = bytes(100)
    path.write_bytes(data)
    refused(path, "imu0/data.csv cannot be read: damaged in the zip")


def test_a_zip_of_zips_is_refused_with_what_to_do(recording: Path, tmp_path: Path) -> None:
    inner = shutil.make_archive(str(tmp_path / "MH_01"), "zip", recording.parent)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(inner, "halls/MH_01.zip")
    refused(tmp_path / "outer.zip", "but zips (halls/MH_01.zip): unpack it")


def test_a_zip_whose_list_of_members_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 2**31, 0, 0)
    (tmp_path / "x.zip").write_bytes(b"PK\3\4" + bytes(100) + end)
    refused(tmp_path / "x.zip", "list of members claims 2147483648 bytes")


@pytest.mark.parametrize("seconds", ["5e9", "10000000000.5", "1e999999999", "9" * 5000])
def test_times_that_no_clock_shows_are_refused(tmp_path: Path, seconds: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(f"{seconds} 0 0 0 0 0 0 1\n")
    with pytest.raises(VioError, match="time stamp"):
        read_trajectory(path)


@pytest.mark.parametrize("load", [load_config, load_scenario])
@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"\xff\xfe\0", "cannot be read as text"),
        (b"a = [" * 5000, "not valid TOML"),
        (b"#" * 250_001, "larger than 250000 bytes"),
    ],
)
def test_settings_that_are_no_toml_are_refused(
    tmp_path: Path, load: Callable[[str], object], content: bytes, part: str
) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(VioError, match=part):
        load(str(path))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("duration_s = 'x'", "duration_s"),
        ("duration_s = 1e9", "duration_s"),
        ("waypoints = 3", "waypoints"),
        ("waypoints = [[0, 0, 0, 0, 0, 0, nan]]", "waypoints"),
        ("waypoints = ['0123456']", "waypoints"),
        ("sway_hz = [0.1]", "sway_hz"),
        ("sway_hz = [0.0, 1.0]", "sway_hz"),
        ("rest_s = [[1.0]]", "rest_s"),
        ("dark_s = [[1.0]]", "dark_s"),
        ("movers = -1", "movers"),
        ("light = inf", "light"),
        ("name = 'x'", "unknown key"),
    ],
)
def test_scenarios_with_values_of_a_wrong_kind_are_refused(
    tmp_path: Path, text: str, part: str
) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(VioError, match=part):
        load_scenario(str(path))


def test_operands_are_read_without_unpickling_and_within_their_file(tmp_path: Path) -> None:
    save_operands(tmp_path / "good.npz", {"a": np.arange(3)})
    assert load_operands(tmp_path / "good.npz")["a"].tolist() == [0, 1, 2]
    np.savez(tmp_path / "pickled.npz", a=np.array([{}], object))
    with pytest.raises(VioError, match=r"'a\.npy' holds Python objects"):
        load_operands(tmp_path / "pickled.npz")
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr(
            "a.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(head) + 1) + head + b"\n"
        )
    with pytest.raises(VioError, match="claims 8000000000000 bytes"):
        load_operands(tmp_path / "huge.npz")

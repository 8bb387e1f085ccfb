# SPDX-License-Identifier: Apache-2.0
"""The manifest of public recordings, and the folder where recordings are looked for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from vio.datasets.manifest import MANIFEST, REPOSITORY, data_folder, load_manifest
from vio.errors import VioError

MANIFEST_TEXT = MANIFEST.read_text()


def test_the_manifest_names_all_of_euroc_and_the_rooms_of_tumvi() -> None:
    manifest = load_manifest()
    assert set(manifest.datasets) == {"euroc", "tumvi"}
    names = list(manifest.sequences)
    assert [n for n in names if n.startswith("MH_")] == [
        "MH_01_easy",
        "MH_02_easy",
        "MH_03_medium",
        "MH_04_difficult",
        "MH_05_difficult",
    ]
    assert len([n for n in names if re.match(r"V[12]_0[123]_", n)]) == 6
    assert [n for n in names if n.startswith("room")] == [f"room{i}" for i in range(1, 7)]
    assert len(names) == 17


def test_every_archive_cites_its_source_and_a_checksum_is_never_alone() -> None:
    for archive in load_manifest().archives.values():
        assert archive.source
        assert (archive.size_bytes is None) == (archive.md5 is None), archive.name


def test_every_sequence_lies_below_the_folder_of_its_dataset() -> None:
    manifest = load_manifest()
    for sequence in manifest.sequences.values():
        dataset = manifest.archives[sequence.archive].dataset
        assert sequence.folder.split("/")[0] == dataset
        assert (sequence.member is None) == (dataset == "tumvi")


BAD = [
    ('md5 = "363f', 'md5 = "363F', "archive machine_hall.zip: bad md5 '363F"),
    ('md5 = "363f', 'md5 = "36', "archive machine_hall.zip: bad md5"),
    ('sha256 = "5ed7', 'sha256 = "5e', "archive machine_hall.zip: bad sha256"),
    ("size_bytes = 12683729426", "size_bytes = -1", "machine_hall.zip: bad size_bytes -1"),
    ("size_bytes = 12683729426", "size_bytes = true", "machine_hall.zip: bad size_bytes True"),
    ("size_bytes = 12683729426", "bytes = 1", "machine_hall.zip: unknown field 'bytes'; known:"),
    ('licence = "CC BY 4.0"\n', "", "dataset tumvi: field 'licence' is missing"),
    ('licence = "CC BY 4.0"', 'licence = " "', "dataset tumvi: bad licence ' '"),
    ('folder = "euroc/MH_01_easy"', 'folder = "../MH_01_easy"', "MH_01_easy: bad folder"),
    ('archive = "machine_hall.zip"', 'archive = "hall.zip"', "no archive named 'hall.zip'"),
    ('dataset = "euroc"', 'dataset = "eurok"', "no dataset named 'eurok'; there are: euroc, tumvi"),
    ('name = "MH_02_easy"', 'name = "MH_01_easy"', "sequence MH_01_easy occurs twice"),
    ('name = "MH_02_easy"\n', "", "sequence number 2: field 'name' is missing"),
    ("[[dataset]]", "[[set]]", "unknown table 'set'"),
    ("[[dataset]]", "[[dataset", "is not valid TOML"),
    ('source = ["https://doi.org', 'source = [1, "https://doi.org', "dataset euroc: bad source"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD)
def test_a_bad_entry_is_refused_with_its_name_and_field(
    old: str, new: str, message: str, tmp_path: Path, edit: Callable[[Path, str, str], None]
) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text(MANIFEST_TEXT)
    load_manifest(path)
    edit(path, old, new)
    with pytest.raises(VioError) as caught:
        load_manifest(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_manifest_is_a_line_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(VioError, match=r"none\.toml does not exist"):
        load_manifest(tmp_path / "none.toml")


def test_recordings_are_looked_for_where_vio_data_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIO_DATA", str(tmp_path))
    assert data_folder() == tmp_path


@pytest.mark.parametrize("value", [None, ""])
def test_without_vio_data_recordings_are_looked_for_in_datasets_of_the_clone(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIO_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("VIO_DATA", value)
    assert data_folder() == REPOSITORY / "datasets"


def test_an_installed_package_looks_below_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIO_DATA", raising=False)
    monkeypatch.setattr("vio.datasets.manifest.MANIFEST", tmp_path / "datasets/manifest.toml")
    assert data_folder() == Path("datasets")

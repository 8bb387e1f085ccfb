# SPDX-License-Identifier: Apache-2.0
"""Modules are found by their stems, whatever wing they lie in."""

from pathlib import Path

import pytest

from vio.errors import VioError
from vio.hw.verilog_sources import RTL, folders, modules, needed, source, wing_of

MOST_IN_A_WING = 15


def test_every_module_has_a_stem_of_its_own_and_the_proofs_are_no_modules() -> None:
    files = [path for path in RTL.rglob("*.v") if "formal" not in path.parts[len(RTL.parts) :]]
    assert len(files) == len({path.stem for path in files}) == len(modules())
    assert set(modules().values()) == set(files)


def test_a_wing_is_small_enough_to_be_read_at_a_glance() -> None:
    wings = [wing_of(path) for path in modules().values()]
    assert {w: n for w in set(wings) if (n := wings.count(w)) > MOST_IN_A_WING} == {}


def test_a_module_is_found_in_its_wing_and_a_top_of_tests_beside_them() -> None:
    assert source("fifo") == RTL / "common" / "fifo.v"
    assert source("frontend") == RTL / "frontend.v"
    assert wing_of(source("fifo")) == "common"
    assert wing_of(source("frontend")) == ""
    assert source("stereo_chip").parent.name == "tops"
    assert source("unit_mul").parent.name == "gen"
    assert needed("vector_lane") == ["float_less", "unit_mul", "unit_add", "vector_lane"]
    assert needed("camera_pair") == ["async_fifo", "camera_input", "camera_pair"]
    with pytest.raises(VioError, match=r"is_not_there\.v is not there"):
        source("is_not_there")


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b", "formal"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.v").write_text("")
    assert list(modules(tmp_path)) == ["a", "b"]
    assert folders(tmp_path) == [tmp_path, tmp_path / "a", tmp_path / "b"]
    (tmp_path / "b" / "a.v").write_text("")
    with pytest.raises(VioError, match="one stem"):
        modules(tmp_path)

# SPDX-License-Identifier: Apache-2.0
"""The kernel cache's folder follows the sources."""

import os
from pathlib import Path

import pytest

from vio.kernel_cache import KEPT, choose_cache, source_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small package, with the cache in a folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "kernel.py").write_text("@njit\ndef f(): return 1\n")
    (folder / "plain.py").write_text("x = 1\n")
    return folder


def test_a_changed_kernel_gets_a_new_folder_and_other_changes_do_not(package: Path) -> None:
    before = source_digest(package)
    (package / "plain.py").write_text("x = 2\n")
    assert source_digest(package) == before
    (package / "kernel.py").write_text("@njit\ndef f(): return 2\n")
    assert source_digest(package) != before


def test_the_folder_is_made_and_handed_to_numba(package: Path, tmp_path: Path) -> None:
    choose_cache(package)
    assert os.environ["NUMBA_CACHE_DIR"] == str(
        tmp_path / "cache" / "kestrel-vio" / source_digest(package)
    )


def test_a_folder_that_the_user_names_stays(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    choose_cache(package)
    assert os.environ["NUMBA_CACHE_DIR"] == "elsewhere"


def test_a_cache_that_cannot_be_made_leaves_numbas_default(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    choose_cache(package)
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_only_the_newest_folders_are_kept(package: Path, tmp_path: Path) -> None:
    base = tmp_path / "cache" / "kestrel-vio"
    for k in range(10):
        os.environ.pop("NUMBA_CACHE_DIR", None)
        (package / "kernel.py").write_text(f"@njit\ndef f(): return {k}\n")
        choose_cache(package)
        os.utime(base / source_digest(package), (k, k))
    assert len(list(base.iterdir())) == KEPT
    assert (base / source_digest(package)).is_dir()

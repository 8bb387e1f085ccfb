# SPDX-License-Identifier: Apache-2.0
"""The kernel cache's folder follows the sources."""

import os
from pathlib import Path

import pytest

from vio.kernel_cache import KEPT, choose_cache, is_temporary, source_digest


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


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the cache folder of the user impossible; return the temporary folder."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def test_without_a_home_the_folder_is_a_temporary_one_and_a_warning_names_it(
    package: Path, no_home: Path
) -> None:
    with pytest.warns(RuntimeWarning, match=r"kept in .*temporary.* only.*set XDG_CACHE_HOME"):
        choose_cache(package)
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert folder == no_home / f"kestrel-vio-{os.geteuid()}" / source_digest(package)
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert is_temporary(str(folder))


def test_the_temporary_folder_is_found_again(package: Path, no_home: Path) -> None:
    found = []
    for _ in range(2):
        os.environ.pop("NUMBA_CACHE_DIR", None)
        with pytest.warns(RuntimeWarning):
            choose_cache(package)
        found.append(os.environ["NUMBA_CACHE_DIR"])
    assert found[0] == found[1]


def test_a_user_without_a_home_directory_in_the_system_is_no_error(
    package: Path, no_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", unknown)
    with pytest.warns(RuntimeWarning, match="kept in"):
        choose_cache(package)


@pytest.mark.parametrize("kind", ["open to others", "link"])
def test_a_temporary_folder_that_others_could_have_made_is_not_used(
    kind: str, package: Path, no_home: Path, tmp_path: Path
) -> None:
    planted = no_home / f"kestrel-vio-{os.geteuid()}"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        planted.symlink_to(tmp_path / "elsewhere")
    else:
        planted.mkdir()
        planted.chmod(0o777)
    with pytest.warns(RuntimeWarning):
        choose_cache(package)
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert not folder.is_relative_to(planted)
    assert folder.is_relative_to(no_home)
    assert list(planted.iterdir()) == []


def test_with_nothing_writable_numbas_default_stays_and_a_warning_says_so(
    package: Path, no_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(no_home / "missing"))
    with pytest.warns(RuntimeWarning, match="no folder is writable; set NUMBA_CACHE_DIR"):
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

# SPDX-License-Identifier: Apache-2.0
"""The contracts of pyproject.toml on imports: complete, and broken by what they forbid."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {c["id"]: c for c in SETTINGS["contracts"]}

# An import that breaks each contract, and the module that it is written into.
VIOLATIONS = {
    "layers": ("backend/solve.py", "def late() -> None:\n    import vio.engines"),
    "circles": ("hw/hls/xls.py", "def late() -> None:\n    import vio.hw.hls.kernels"),
    "figures": (
        "runs/log.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import matplotlib.figure",
    ),
    "package": ("hw/params.py", "def tools() -> None:\n    from sim.runner import simulators"),
}


def lint(folder: Path) -> str:
    """Return the report of import-linter on a copy of the package."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package and its settings."""
    sources = shutil.ignore_patterns("__pycache__", "*.toml", "*.yaml")
    shutil.copytree(ROOT / "vio", tmp_path / "vio", ignore=sources)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_layers_hold_every_module_and_nothing_is_ignored() -> None:
    assert set(CONTRACTS) == set(VIOLATIONS)
    assert CONTRACTS["layers"]["exhaustive"]
    for contract in CONTRACTS.values():
        assert not contract.get("ignore_imports")
    assert not SETTINGS.get("exclude_type_checking_imports")


def test_each_contract_is_broken_by_an_import_that_it_forbids(package: Path) -> None:
    """Imports inside functions and under TYPE_CHECKING count."""
    for module, text in VIOLATIONS.values():
        with (package / "vio" / module).open("a") as file:
            file.write(f"\n{text}\n")
    (package / "vio" / "homeless.py").write_text("")
    report = lint(package)
    for contract in CONTRACTS.values():
        assert f"{contract['name']} BROKEN" in report
    assert "vio.backend.solve -> vio.engines" in report
    assert "vio.homeless" in report


def test_the_package_keeps_the_contracts(package: Path) -> None:
    report = lint(package)
    for contract in CONTRACTS.values():
        assert f"{contract['name']} KEPT" in report

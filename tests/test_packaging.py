# SPDX-License-Identifier: Apache-2.0
"""The distribution: wheel and sdist hold what is needed, and run outside of the repository."""

import os
import re
import shutil
import site
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the sdist, and the wheel from it, out of a copy of the repository."""
    folder = tmp_path_factory.mktemp("build")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    source = folder / "source"
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return {"wheel": wheel, "sdist": sdist}


@pytest.mark.slow
def test_the_wheel_holds_code_presets_scenarios_and_nothing_else(built: dict[str, Path]) -> None:
    names = set(zipfile.ZipFile(built["wheel"]).namelist())
    package = {
        str(p.relative_to(ROOT))
        for pattern in ("*.py", "*.toml", "*.css", "*.js", "py.typed")
        for p in (ROOT / "vio").rglob(pattern)
    }
    assert {n for n in names if ".dist-info/" not in n} == package
    assert any(n.endswith("licenses/LICENSE") for n in names)


@pytest.mark.slow
def test_the_sdist_holds_what_is_needed_to_test_it(built: dict[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as archive:
        names = {n.partition("/")[2] for n in archive.getnames()}
    wanted = ("LICENSE", "README.md", "Makefile", "constraints.txt", "tools/venv.py")
    assert names >= {*wanted, "tests/test_packaging.py", "examples/live.py"}
    assert names >= {"CONTRIBUTING.md", "SECURITY.md", "datasets/manifest.toml"}


def installed(distribution: Path, folder: Path) -> tuple[Path, Path]:
    """Install a distribution into a new environment; return that and its folder of packages.

    The dependencies are those of this environment, behind the new one's own folder; ours is
    installed there by an editable hook, which is of no use without its .pth file.
    """
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (ours,) = site.getsitepackages()[:1]
    (theirs,) = environment.glob("lib/python*/site-packages")
    (theirs / "dependencies.pth").write_text(ours + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment), "install", "--quiet"]
    pip += ["--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed"]
    subprocess.run([*pip, str(distribution)], check=True, cwd=folder)
    return environment, theirs


@pytest.mark.slow
def test_the_sdist_installs_what_the_wheel_holds(built: dict[str, Path], tmp_path: Path) -> None:
    _, packages = installed(built["sdist"], tmp_path)
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = [n for n in wheel.namelist() if n.startswith("vio/")]
        assert len(names) > 200
        for name in names:
            assert (packages / name).read_bytes() == wheel.read(name), name
    files = {str(p.relative_to(packages)) for p in (packages / "vio").rglob("*") if p.is_file()}
    assert {n for n in files if "__pycache__" not in n} == set(names)


@pytest.mark.slow
def test_an_installed_wheel_runs_the_demo_outside_of_the_repository(
    built: dict[str, Path], tmp_path: Path
) -> None:
    environment, packages = installed(built["wheel"], tmp_path)
    where = [str(environment / "bin/python"), "-c", "import vio; print(vio.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(packages)
    result = subprocess.run(
        [str(environment / "bin/vio"), "demo", "--seconds", "3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
    )
    assert result.returncode == 0, result.stderr
    assert "ATE" in result.stdout
    assert (tmp_path / "runs/latest/top_view.png").is_file()


def pins(lines: list[str]) -> dict[str, str]:
    """Return {name: version} of the lines "name==version"."""
    found = (re.fullmatch(r"([A-Za-z0-9_.-]+)==(\S+)", line.strip()) for line in lines)
    return {canonical(m[1]): m[2] for m in found if m}


def requirements() -> dict[str, str]:
    """Return {name: version specification} of all requirements that pyproject.toml states."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = project["build-system"]["requires"] + project["project"]["dependencies"]
    for extra in project["project"]["optional-dependencies"].values():
        lines += [line for line in extra if not line.startswith("kestrel-vio[")]
    found = (re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", line) for line in lines)
    return {canonical(m[1]): m[2] for m in found if m}


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    """Return the pins of constraints.txt."""
    return pins((ROOT / "constraints.txt").read_text().splitlines())


def unpinned(pinned: dict[str, str]) -> list[str]:
    """Return what an installation brings and `pinned` does not name, as far as it is here."""
    from packaging.requirements import Requirement

    found, waiting = set(), [(name, frozenset({""})) for name in requirements()]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in found:
            continue
        found.add((name, extras))
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of an extra that is not installed
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                wanted = frozenset({"", *requirement.extras})
                waiting.append((canonical(requirement.name), wanted))
    return sorted({name for name, _ in found} - set(pinned))


def test_pyproject_states_lower_bounds_and_the_constraints_pin_each() -> None:
    from packaging.version import Version

    bounds, pinned = requirements(), constraints()
    for name, specification in bounds.items():
        assert re.fullmatch(r">=\d[\w.]*", specification), f"{name}{specification}"
        assert Version(pinned[name]) >= Version(specification[2:]), name


def test_the_constraints_pin_all_that_an_installation_brings() -> None:
    pinned = constraints()
    assert unpinned(pinned) == []
    del pinned["llvmlite"]  # a dependency of numba
    assert unpinned(pinned) == ["llvmlite"]


def refusing(python: str) -> set[str]:
    """Return the installed distributions of constraints.txt that do not run on a Python."""
    from packaging.specifiers import SpecifierSet

    here = {canonical(d.metadata["Name"]): d for d in metadata.distributions()}
    found = {name: here[name].metadata["Requires-Python"] for name in constraints() if name in here}
    return {name for name, range_ in found.items() if python not in SpecifierSet(range_ or "")}


def test_every_pin_runs_on_the_least_python_that_the_project_names() -> None:
    """As a system has it: Debian 12's 3.11.2 is no 3.11.5."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    least = project["requires-python"].removeprefix(">=")
    assert refusing(f"{least}.0") == set()
    assert "numpy" in refusing("3.8.0")


def test_what_is_installed_here_is_what_the_constraints_say() -> None:
    pinned = constraints()
    installed = {canonical(d.metadata["Name"]): d.version for d in metadata.distributions()}
    differing = {n: (v, installed[n]) for n, v in pinned.items() if installed.get(n, v) != v}
    assert differing == {}

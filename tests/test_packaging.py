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
        for pattern in ("*.py", "*.toml", "py.typed")
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_an_installed_distribution_runs_the_demo_outside_of_the_repository(
    kind: str, built: dict[str, Path], tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    # The dependencies are those of this environment, behind the new one's own folder; ours is
    # installed there by an editable hook, which is of no use without its .pth file.
    (ours,) = site.getsitepackages()[:1]
    (theirs,) = environment.glob("lib/python*/site-packages")
    (theirs / "dependencies.pth").write_text(ours + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment), "install", "--quiet"]
    pip += ["--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed"]
    subprocess.run([*pip, str(built[kind])], check=True, cwd=tmp_path)

    where = [str(environment / "bin/python"), "-c", "import vio; print(vio.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(theirs)
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
    return {m[1].lower().replace("_", "-"): m[2] for m in found if m}


def test_every_requirement_is_pinned_and_the_constraints_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = project["build-system"]["requires"] + project["project"]["dependencies"]
    for extra in project["project"]["optional-dependencies"].values():
        requirements += [r for r in extra if not r.startswith("kestrel-vio[")]
    pinned = pins(requirements)
    assert len(pinned) == len(set(requirements))
    constraints = pins((ROOT / "constraints.txt").read_text().splitlines())
    assert {name: constraints.get(name) for name in pinned} == pinned


def test_what_is_installed_here_is_what_the_constraints_say() -> None:
    from importlib import metadata

    constraints = pins((ROOT / "constraints.txt").read_text().splitlines())
    installed = {
        d.metadata["Name"].lower().replace("_", "-"): d.version for d in metadata.distributions()
    }
    differing = {n: (v, installed[n]) for n, v in constraints.items() if installed.get(n, v) != v}
    assert differing == {}


def test_every_source_file_begins_with_licence_and_purpose() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    bad = []
    for name in listed.stdout.splitlines():
        lines = (ROOT / name).read_text().splitlines() if (ROOT / name).is_file() else []
        purpose = name == "tests/__init__.py" or (len(lines) > 1 and lines[1].startswith('"""'))
        if lines and not (lines[0] == "# SPDX-License-Identifier: Apache-2.0" and purpose):
            bad.append(name)
    assert bad == []


def test_no_tracked_file_is_large_or_an_image_of_a_recording() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    assert [n for n in names if (ROOT / n).stat().st_size > 1_000_000] == []
    assert [n for n in names if re.search(r"(^|/)14\d{17}\.(png|jpg)$", n)] == []

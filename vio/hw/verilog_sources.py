# SPDX-License-Identifier: Apache-2.0
"""Where the Verilog lies: modules of rtl/ and its wings by their stems, headers, tops of tests.

Beside them the units that XLS compiles (hls/gen), which the back end's engine has.
"""

import hashlib
import re
from pathlib import Path

from vio.errors import VioError

ROOT = Path(__file__).resolve().parents[2]
RTL = ROOT / "rtl"
TOPS = ROOT / "sim" / "tops"
FPGA = ROOT / "fpga"
UNITS = ROOT / "hls" / "gen"  # checked in; `vio hw hls --write` makes them
UNIT_WAIVERS = UNITS.parent / "lint.vlt"
MODELS = FPGA / "models"  # of the device's cells, for simulations of netlists alone
PROOFS = "formal"  # below rtl/, and no wing: the proofs' own modules


def folders(rtl: Path | None = None) -> list[Path]:
    """Return rtl/ itself and its wings: where tools search for modules and included files."""
    rtl = rtl or RTL
    wings = sorted({path.parent for path in rtl.glob("*/**/*.v")})
    return [rtl, *(wing for wing in wings if PROOFS not in wing.relative_to(rtl).parts)]


def modules(rtl: Path | None = None) -> dict[str, Path]:
    """Return {stem: file} of all modules of rtl/, in the order of the stems.

    Raises VioError when two files have the same stem: a module is found by its stem alone.
    """
    found: dict[str, Path] = {}
    for folder in folders(rtl):
        for path in folder.glob("*.v"):
            other = found.setdefault(path.stem, path)
            if other != path:
                raise VioError(f"{path} and {other} have one stem; give one of them another name")
    return dict(sorted(found.items()))


def board_folders() -> list[Path]:
    """Return the folders of fpga/ that hold modules of boards, without the models of cells."""
    return sorted({path.parent for path in FPGA.glob("*/*.v")} - {MODELS})


def board_modules() -> dict[str, Path]:
    """Return {stem: file} of what boards have around the chip, in the order of the stems.

    Raises VioError when a stem is one of rtl/, too.
    """
    chip = modules()
    found: dict[str, Path] = {}
    for folder in board_folders():
        for path in folder.glob("*.v"):
            other = chip.get(path.stem) or found.setdefault(path.stem, path)
            if other != path:
                raise VioError(f"{path} and {other} have one stem; give one of them another name")
    return dict(sorted(found.items()))


def unit_modules() -> dict[str, Path]:
    """Return {stem: file} of what XLS compiles, in the order of the stems."""
    return {path.stem: path for path in sorted(UNITS.glob("*.v"))}


def digests(rtl: Path | None = None) -> dict[str, str]:
    """Return {stem: digest of the text without its comments} of all modules of rtl/."""
    return {stem: code_digest(path.read_text()) for stem, path in modules(rtl).items()}


def code_digest(text: str) -> str:
    """Return the digest of a module's text without comments and spacing."""
    code = " ".join(re.sub(r"//[^\n]*", "", text).split())
    return hashlib.blake2b(code.encode(), digest_size=8).hexdigest()


def changed_since(sources: dict[str, str], rtl: Path | None = None) -> list[str]:
    """Return the modules that are not what a record was made of, whose digests are `sources`."""
    return sorted(stem for stem, digest in digests(rtl).items() if sources.get(stem) != digest)


def wing_of(path: Path, rtl: Path | None = None) -> str:
    """Return the wing that a module lies in, empty for one that lies in rtl/ itself."""
    wing = path.parent.relative_to(rtl or RTL)
    return "" if wing == Path() else str(wing)


def source(stem: str) -> Path:
    """Return the file of a module: of rtl/, of a board (fpga/), of hls/gen/ or of sim/tops/.

    Raises VioError when there is none.
    """
    top = TOPS / f"{stem}.v"
    path = top if top.is_file() else modules().get(stem) or board_modules().get(stem)
    path = path or unit_modules().get(stem)
    if path is None:
        raise VioError(f"{stem}.v is not there; modules are the .v files of rtl/ and its folders")
    return path


def needed(module: str) -> list[str]:
    """Return the stems of rtl/, fpga/ and hls/gen/ that a module instantiates, all the way.

    The module itself is the last.
    """
    found: list[str] = []
    known = modules() | board_modules() | unit_modules()

    def visit(stem: str) -> None:
        text = re.sub(r"//[^\n]*", "", (known.get(stem) or source(stem)).read_text())
        for name in re.findall(r"^\s*(\w+)\s+(?:#\s*\(|\w+\s*\()", text, re.MULTILINE):
            if name in known and name not in found and name != stem:
                visit(name)
        if stem not in found:
            found.append(stem)

    visit(module)
    return found

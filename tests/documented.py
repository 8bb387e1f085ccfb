# SPDX-License-Identifier: Apache-2.0
"""Read the commands and the paths that a page of the documentation names."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
STARTS = ("vio ", "make ", "python ", "bash ")
# What stands for something in a command, and a value that it may have.
STAND_INS = {
    "$VIO_DATA": "datasets",
    "vio COMMAND": "vio run",
    "hw NAME": "hw memory",
    "hw sim BLOCK": "hw sim fifo",
}
PATH = re.compile(r"(?:vio|rtl|hls|sim|tests|tools|docs|fpga|datasets|examples)/[\w./*]+")


def pages() -> list[str]:
    """Return the README and the pages of the documentation."""
    return ["README.md", *(str(p.relative_to(ROOT)) for p in sorted(ROOT.glob("docs/**/*.md")))]


def code(text: str) -> list[str]:
    """Return the lines of indented blocks, and the code within lines, without fenced code."""
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    blocks = [line[4:].split("#")[0].strip() for line in outside.splitlines() if line[:4] == "    "]
    return blocks + re.findall(r"`([^`\n]+)`", outside)


def commands(text: str) -> list[str]:
    """Return the commands of a page."""
    return sorted({line for line in code(text) if line.startswith(STARTS)})


def words(command: str) -> list[str]:
    """Return a command's words, with what stands for something replaced."""
    for name, value in STAND_INS.items():
        command = command.replace(name, value)
    return shlex.split(command)


def missing_paths(text: str) -> list[str]:
    """Return the paths of the repository that a page names and that are not there."""
    named = {match for line in code(text) for match in PATH.findall(line)}
    missing = []
    for name in sorted(named):
        pattern = name.rstrip("/.")
        if not any(ROOT.glob(pattern)):
            missing.append(name)
    return missing

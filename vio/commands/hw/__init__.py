# SPDX-License-Identifier: Apache-2.0
"""The sub-commands of `vio hw`, one a file: the front end and the back end as hardware.

A module that reads sources of the repository, which a wheel does not carry, lists their folders in
`NEEDS`.
"""

from collections.abc import Sequence
from pathlib import Path

from vio.errors import VioError

HELP = "Model, generate, verify and synthesise the hardware."
GROUPS = {
    "models": ("signals", "memory", "cycles", "energy", "schedule"),
    "generated files": ("params", "registers", "netlist"),
    "verification": ("vectors", "sim", "equivalence"),
    "implementation": ("synth", "hls"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
EPILOG = "The models run anywhere; the others need a clone of the repository: make venv-hw"
ROOT = Path(__file__).resolve().parents[3]  # the repository, where this is one


def require(folders: Sequence[str], root: Path = ROOT) -> None:
    """Raise VioError when a folder of the repository is not there, as in an installed wheel."""
    missing = [f"{folder}/" for folder in folders if not (root / folder).is_dir()]
    if missing:
        raise VioError(
            f"needs a clone of the repository ({', '.join(missing)} not in {root.resolve()}): "
            "git clone it, then make venv-hw"
        )

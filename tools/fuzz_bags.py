# SPDX-License-Identifier: Apache-2.0
"""Good bags for tools/fuzz_readers.py: every storage and compression, of one small recording."""

import shutil
import tempfile
from pathlib import Path

from vio.datasets.base import Dataset


def bag_seeds(data: Dataset, folder: Path, mav0: Path) -> list[tuple[str, str, list[bytes]]]:
    """Return (name, ending, good files) of each storage; their calibration goes into folder.

    data: the recording to write. mav0: its folder, with sensor.yaml files.
    """
    from tests.bags import KINDS, entries, write_bag

    for part in ("cam0", "cam1", "imu0"):
        (folder / part).mkdir()
        shutil.copy(mav0 / part / "sensor.yaml", folder / part)
    seeds: dict[str, tuple[str, list[bytes]]] = {
        "ros1": (".bag", []),
        "sqlite3": (".db3", []),
        "mcap": (".mcap", []),
    }
    with tempfile.TemporaryDirectory() as place:
        for number, kind in enumerate(KINDS):
            if kind.compression in ("file", "message"):
                continue  # the same storages, with metadata.yaml beside them
            for packed in (False, True):
                name = Path(place, f"{number}{packed}")
                path = write_bag(name, entries(data, kind.ros, packed), kind)
                ending, files = seeds[kind.plugin or "ros1"]
                file = path if path.is_file() else next(path.glob(f"*{ending}"))
                files.append(file.read_bytes())
    return [(name, ending, files) for name, (ending, files) in seeds.items()]

# SPDX-License-Identifier: Apache-2.0
"""Results that a stopped measurement has already, one line of JSON each."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from vio.identity import code_version, library_versions
from vio.runs.files import replace_file


class KeptResults:
    """Keep what was measured as it comes, for a next run with the same code and libraries."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._known: dict[str, Any] = {}
        made_by = json.dumps([code_version(all_of_it=True), _own_digest(), library_versions()])
        lines = path.read_text().splitlines() if path.is_file() else []
        if lines[:1] == [made_by]:
            self._known = dict(_whole(lines[1:]))
        text = [made_by, *(json.dumps(pair) for pair in self._known.items())]
        replace_file(path, "\n".join(text) + "\n")

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str, measure: Callable[[], Any]) -> Any:
        """Return the result of a key; measures it, and keeps it, where it is not known."""
        if key not in self._known:
            result = measure()
            with self._lock:
                self._known[key] = result
                with self.path.open("a") as file:
                    file.write(json.dumps([key, result]) + "\n")
        return self._known[key]


def _own_digest() -> str:
    """Return a digest of the sources that plant and measure."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(s.read_bytes() for s in sources)).hexdigest()[:16]


def _whole(lines: list[str]) -> list[tuple[str, Any]]:
    """Return the pairs of lines up to the first one that was cut off."""
    pairs = []
    for line in lines:
        try:
            key, result = json.loads(line)
        except ValueError:
            break
        pairs.append((key, result))
    return pairs

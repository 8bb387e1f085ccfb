# SPDX-License-Identifier: Apache-2.0
"""The results that are known, in a SQLite file that only the submitting process writes."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from vio.errors import VioError
from vio.explore.task import Result, Task
from vio.limits import reason

NAME = "explore.sqlite"
# Commits need not wait for the disk: whatever ends the process, what was added is there. The last
# ones may be missing after a loss of power, and are then run again.
WITHOUT_WAITING = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS results "
    "(key TEXT PRIMARY KEY, task TEXT NOT NULL, result TEXT NOT NULL, seconds REAL NOT NULL)"
)


class Store:
    """Keep results by the keys of their tasks; they outlive the process once `add` returns."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def get(self, key: str) -> Result | None:
        """Return the result of a task's key, or None; raises VioError for a damaged file."""
        with _explained(self._path):
            row = self._connection.execute(
                "SELECT result FROM results WHERE key = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        try:
            result = json.loads(row[0])
        except ValueError:
            raise VioError(f"{self._path} is damaged at {key[:12]}; remove it") from None
        return result if isinstance(result, dict) else None

    def add(self, task: Task, result: Result, seconds: float) -> None:
        """Keep a result; raises VioError when the file cannot be written."""
        row = (task.key, json.dumps(asdict(task)), json.dumps(result), seconds)
        with _explained(self._path), self._connection:
            self._connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", row)

    def __len__(self) -> int:
        with _explained(self._path):
            count: int = self._connection.execute("SELECT count(*) FROM results").fetchone()[0]
        return count

    def seconds(self) -> float:
        """Return the seconds that all results took together."""
        with _explained(self._path):
            row = self._connection.execute("SELECT total(seconds) FROM results").fetchone()
        return float(row[0])


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Open the store of a folder, made if there is none; raises VioError for a damaged one."""
    path = folder / NAME
    with _explained(path):
        connection = sqlite3.connect(path)
    with closing(connection):
        with _explained(path), connection:
            for statement in (*WITHOUT_WAITING, SCHEMA):
                connection.execute(statement)
        yield Store(connection, path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise VioError(
            f"{path} cannot be used: {reason(error)}; make room, remove it, or use another --out"
        ) from None

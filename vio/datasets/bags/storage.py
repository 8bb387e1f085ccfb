# SPDX-License-Identifier: Apache-2.0
"""The files of a bag as one stream of messages: ROS 1 bags, ROS 2 bags as sqlite3 or mcap."""

import heapq
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from vio.datasets.bags.library import (
    LimitedPath,
    check_chunks,
    limit_sqlite,
    rosbags,
    unpack_zstd,
    zstd,
)
from vio.datasets.bags.types import KNOWN, unlike_standard
from vio.datasets.base import add_warning
from vio.datasets.yaml_text import parse_entries
from vio.errors import VioError
from vio.limits import MAX_SETTINGS_BYTES, MAX_STAMP_NS, quoted, read_text_file, reason, shown

ROS1 = ".bag"
SQLITE, MCAP = ".db3", ".mcap"
ENDINGS = (ROS1, SQLITE, MCAP, ".db3.zstd", ".mcap.zstd", ".bag.active")
MAX_FILES = 1000  # of one recording
_MAX_UNPACKED = 2**38  # bytes of a file that is packed as a whole
_FIRST_SKIP_NS = 1_000_000  # behind a damaged place; doubled until messages come again
# What rosbag writes behind a name when it splits a recording.
_PART = re.compile(r"(_\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)?_\d+$")

# topic, time of arrival in nanoseconds, bytes
Message = tuple[str, int, bytes]


@dataclass(frozen=True)
class Topic:
    """Hold a topic: its type, how many messages it has, and why these cannot be read (or empty)."""

    name: str
    type: str
    count: int
    refused: str = ""


@dataclass
class _File:
    reader: Any
    path: Path
    connections: list[Any] = field(default_factory=list)


def bag_files(path: Path) -> list[Path]:
    """Return the files of a bag, in the order of their names; none when the path is no bag."""
    if path.is_file():
        return [path] if path.name.endswith(ENDINGS) else []
    if not path.is_dir():
        return []
    found = [p for p in path.iterdir() if p.name.endswith(ENDINGS) and p.is_file()]
    return sorted(found, key=lambda p: [int(t) if t.isdigit() else t for t in _split(p.name)])


def _split(name: str) -> list[str]:
    return re.split(r"(\d{1,18})", name)


def is_bag(path: Path) -> bool:
    """Return whether the path is a bag: its file, or a folder with the files of one."""
    return bool(bag_files(path))


def _kind(path: Path) -> str:
    name = path.name.removesuffix(".zstd").removesuffix(".active")
    return name[name.rindex(".") :]


def _check_one_recording(path: Path, files: list[Path]) -> None:
    kinds = {_kind(p) for p in files}
    if len(kinds) > 1:
        raise VioError(f"{path} holds files of {' and '.join(sorted(kinds))}: give one of them")
    if len(files) > MAX_FILES:
        raise VioError(f"{path} holds {len(files)} bags, more than {MAX_FILES}")
    names = {_PART.sub("", p.name.partition(".")[0]) for p in files}
    if len(names) > 1 and not (path / "metadata.yaml").is_file():
        raise VioError(
            f"{path} holds several recordings ({shown(', '.join(sorted(names)))}): give one of its "
            "files; parts of one recording are named NAME_0, NAME_1, ..."
        )


class Bag:
    """Read the messages of a bag; use as a context manager.

    topics: by name. ros: 1 or 2. warnings: what is wrong but survived.
    """

    def __init__(self, path: Path, warnings: list[str]) -> None:
        """Find and check the files; raises VioError for a path that is no single recording."""
        self.path = path
        self.warnings = warnings
        self._paths = bag_files(path)
        if not self._paths:
            raise VioError(f"{path} is no bag; formats: .bag of ROS 1, .db3 and .mcap of ROS 2")
        _check_one_recording(path, self._paths)
        self.ros = 1 if _kind(self._paths[0]) == ROS1 else 2
        self.topics: dict[str, Topic] = {}
        self._files: list[_File] = []
        self._stack = ExitStack()
        self._per_message = False

    def __enter__(self) -> "Bag":
        try:
            if self.ros == 2:
                self._read_metadata()
            for path in self._paths:
                self._open(path)
            self._list_topics()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._files.clear()

    def _read_metadata(self) -> None:
        """Take from metadata.yaml whether messages are packed one by one, and what is missing."""
        folder = self.path if self.path.is_dir() else self.path.parent
        where = folder / "metadata.yaml"
        if not where.is_file():
            return
        try:
            text = read_text_file(where, "the metadata of a bag", MAX_SETTINGS_BYTES)
            entries = parse_entries(text, str(where)).get("rosbag2_bagfile_information")
        except VioError as error:
            add_warning(self.warnings, f"{error}; the bag's files are read without it")
            return
        if not isinstance(entries, dict):
            return
        self._per_message = str(entries.get("compression_mode", "")).lower() == "message"
        listed = entries.get("relative_file_paths")
        there = {p.name for p in self._paths}
        names = [Path(str(n)).name for n in listed] if isinstance(listed, list) else []
        if self.path.is_dir() and (lost := [n for n in names if n not in there]):
            add_warning(self.warnings, f"{folder} lacks {shown(', '.join(lost))}: a gap remains")

    def _open(self, path: Path) -> None:
        """Open one file; raises VioError, in one line that says how to repair it."""
        kind = _kind(path)
        try:
            if not path.is_file():  # a link to nothing, a device
                raise OSError("it is no regular file")
            if path.name.endswith(".zstd"):
                path = self._unpacked(path)
            size = path.stat().st_size
            if size == 0:
                raise OSError("it is empty")
            if kind == SQLITE:
                reader = self._open_sqlite(path, size)
            else:
                library = rosbags()
                reader = (library.Ros1 if kind == ROS1 else library.Mcap)(LimitedPath(path))
                reader.open()
                self._stack.callback(reader.close)
                if kind == MCAP:
                    check_chunks(reader, size)
        except VioError:
            raise
        except Exception as error:  # of a library on bytes from a stranger: any
            raise VioError(_explain(path, kind, error)) from None
        self._files.append(_File(reader, path))

    def _unpacked(self, path: Path) -> Path:
        """Return a file that is packed as a whole, unpacked into a temporary folder."""
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        out = folder / path.name.removesuffix(".zstd")
        limit = min(_MAX_UNPACKED, max(2**28, 200 * path.stat().st_size))
        with zstd().open(LimitedPath(path).open(), "rb") as source, out.open("wb") as target:
            while block := source.read(2**20):
                target.write(block)
                if target.tell() > limit:
                    raise OSError(f"it unpacks to more than {limit} bytes")
        return out

    def _open_sqlite(self, path: Path, size: int) -> Any:
        import apsw

        log = path.with_name(path.name + "-wal")
        if log.is_file() and log.stat().st_size:
            add_warning(
                self.warnings,
                f"{path} was not closed: messages in {log.name} are not read; put them into it: "
                f"sqlite3 {path.name} 'PRAGMA wal_checkpoint(TRUNCATE)'",
            )
        if set(str(path)) & set("?#%"):  # the library puts the path into an URI as it stands
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            (folder / "bag.db3").symlink_to(path.resolve())
            path = folder / "bag.db3"

        def limit(connection: Any) -> None:
            limit_sqlite(connection, size)

        reader = rosbags().Sqlite(path)
        apsw.connection_hooks.append(limit)
        try:
            reader.open()
        finally:
            apsw.connection_hooks.remove(limit)
        self._stack.callback(reader.close)
        return reader

    def _list_topics(self) -> None:
        """Gather the topics of all files; a topic whose types differ is refused."""
        for file in self._files:
            for connection in file.reader.connections:
                name, kind = connection.topic, connection.msgtype
                before = self.topics.get(name)
                refused = unlike_standard(connection, self.ros) if kind in KNOWN else ""
                ext = getattr(connection.ext, "serialization_format", "cdr")
                if ext != "cdr":
                    refused = f"its messages are in {quoted(ext)}, not in CDR"
                if before is not None:
                    refused = before.refused or refused
                    if before.type != kind:
                        refused = f"it has messages of {before.type} and of {kind}"
                count = connection.msgcount + (before.count if before else 0)
                self.topics[name] = Topic(name, kind, count, refused)

    def messages(self, names: list[str], start_ns: int | None = None) -> Iterator[Message]:
        """Yield the messages of topics in the order of arrival, from a time of arrival on.

        A damaged place is skipped and added to warnings. Raises VioError when a message unpacks to
        more than a record may hold.
        """
        wanted = set(names)
        for file in self._files:
            file.connections = [c for c in file.reader.connections if c.topic in wanted]
        streams = [self._surviving(f, start_ns) for f in self._files if f.connections]
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda m: m[1])

    def _surviving(self, file: _File, start_ns: int | None) -> Iterator[Message]:
        """Yield the messages of one file, and go on behind what is damaged."""
        at, skip = start_ns, _FIRST_SKIP_NS
        end = min(
            int(file.reader.end_time if self.ros == 1 else file.reader.metadata.end_time),
            MAX_STAMP_NS,
        )
        while True:
            before = at
            try:
                for connection, t_ns, data in file.reader.messages(file.connections, at):
                    if not isinstance(t_ns, int) or not 0 <= t_ns < MAX_STAMP_NS:
                        raise ValueError(f"a message arrived at {quoted(t_ns)}")
                    if at is None or t_ns > at:
                        at = t_ns
                        skip = _FIRST_SKIP_NS
                    if self._per_message:
                        data = unpack_zstd(data)
                    if not isinstance(data, bytes):
                        raise ValueError("a message is no bytes")
                    yield connection.topic, t_ns, data
                return
            except Exception as error:  # of a library on bytes from a stranger: any
                what = type(error).__name__ if not str(error) else reason(error)
                add_warning(self.warnings, f"{file.path} is damaged ({what}); it goes on behind")
            begin = int(
                file.reader.start_time if self.ros == 1 else file.reader.metadata.start_time
            )
            at = (begin if at is None else at) + skip
            skip = 2 * skip
            if at >= end or (before is not None and at <= before):
                return


def _explain(path: Path, kind: str, error: Exception) -> str:
    """Return the line for a file that cannot be opened, with what repairs such a file."""
    what = reason(error) if str(error) else type(error).__name__
    if isinstance(error, MemoryError):
        what = "it claims more memory than there is"
    if kind == ROS1 and ("not indexed" in what or path.name.endswith(".active")):
        return (
            f"{path} has no index, because the recording was not closed: make one with "
            f"`rosbag reindex {path.name}` (of ROS 1), and give the new file"
        )
    if kind == MCAP and ("end magic" in what or "footer" in what.lower() or "Truncated" in what):
        return (
            f"{path} has no index, because the recording was not closed ({what}): make one with "
            f"`mcap recover {path.name} -o recovered.mcap`, and give the new file"
        )
    repair = {
        ROS1: f"`rosbag reindex {path.name}` (of ROS 1) may repair it",
        MCAP: f"`mcap recover {path.name} -o recovered.mcap` may repair it",
        SQLITE: f"`sqlite3 {path.name} .recover | sqlite3 recovered.db3` may repair it",
    }[kind]
    return f"{path} cannot be read as a bag ({what}): copy it again, or {repair}"

# SPDX-License-Identifier: Apache-2.0
"""The library rosbags with bounds: a bag from a stranger must not fill the memory or run for ever.

The library checks structure but not sizes: it unpacks a chunk as far as it goes, follows an index
as often as the index says, and parses texts that nothing here needs. Its readers are therefore
opened through this module only.
"""

import bz2
import io
import os
import stat
from collections import OrderedDict
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vio.errors import VioError

MAX_RECORD_BYTES = 2**28  # of a message, a header or a chunk, packed or not
FREE_RECORD_BYTES = 2**24  # a record may be this large however small it is when packed
MAX_RATIO = 200  # of a larger record's size to its packed size
CACHE_BYTES = 2**26  # of unpacked chunks that are kept
OVERLAP_BYTES = 2**29  # of chunks that cover one time, which are unpacked together
MAX_REREADS = 16  # of all that was unpacked, before reading is called endless
_SLACK_BYTES = 2**30


class LimitedFile(io.BufferedReader):
    """Read a file in pieces of at most MAX_RECORD_BYTES."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to size bytes; raises OSError for more than a record may have."""
        limit = MAX_RECORD_BYTES + 1 if size is None or size < 0 else size
        data = super().read(min(limit, MAX_RECORD_BYTES + 1))
        if len(data) > MAX_RECORD_BYTES:
            raise OSError(f"a record is larger than {MAX_RECORD_BYTES} bytes")
        return data


class LimitedPath(type(Path())):  # type: ignore[misc]
    """A path whose file is opened for bounded reading."""

    def open(self, *args: Any, **kwargs: Any) -> LimitedFile:
        """Return the file; raises OSError when it is no regular one."""
        descriptor = os.open(self, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("it is no regular file")
        return LimitedFile(io.FileIO(descriptor))


def size_limit(packed: int) -> int:
    """Return how far a record of so many packed bytes may unpack."""
    return min(MAX_RECORD_BYTES, max(FREE_RECORD_BYTES, MAX_RATIO * packed))


def _unpack(decompressor: Any, data: bytes) -> bytes:
    """Return what a decompressor object makes of data, up to the limit; raises OSError beyond."""
    limit = size_limit(len(data))
    out: bytes = decompressor.decompress(data, limit + 1)
    if len(out) > limit:
        raise OSError(f"{len(data)} bytes unpack to more than {limit}")
    if not decompressor.eof:
        raise OSError("packed data is cut off")
    return out


def unpack_bz2(data: bytes) -> bytes:
    """Return unpacked bytes; raises OSError when they are damaged or too many."""
    return _unpack(bz2.BZ2Decompressor(), data)


def unpack_lz4(data: bytes) -> bytes:
    """Return unpacked bytes; raises OSError or RuntimeError when they are damaged or too many."""
    from lz4.frame import LZ4FrameDecompressor

    return _unpack(LZ4FrameDecompressor(), data)


def unpack_zstd(data: bytes) -> bytes:
    """Return unpacked bytes; raises OSError or ZstdError when they are damaged or too many."""
    return _unpack(zstd().ZstdDecompressor(), data)


def zstd() -> Any:
    """Return the module of zstd: Python's own from 3.14 on, a backport of it before."""
    import sys

    if sys.version_info >= (3, 14):
        from compression import zstd as module
    else:
        from backports import zstd as module
    return module


@cache
def rosbags() -> SimpleNamespace:
    """Return the library's classes, with bounds; raises VioError when it is not installed.

    A definition of messages that a file embeds is never handed to the library, which would
    generate Python code from it and execute that.
    """
    try:
        from rosbags.rosbag1 import Reader as Ros1Reader
        from rosbags.rosbag1 import reader as ros1
        from rosbags.rosbag2 import storage_mcap, storage_sqlite3
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise VioError(
            f"bags are read by the library rosbags, which is missing ({error.name}); install it: "
            "pip install 'kestrel-vio[bags]'"
        ) from None
    ros1.decompressors.update(bz2=unpack_bz2, lz4=unpack_lz4)
    storage_mcap.DECOMPRESSORS.update(
        lz4=lambda data, _: unpack_lz4(data), zstd=lambda data, _: unpack_zstd(data)
    )
    # Qualities of service are YAML inside of YAML, and of no use here.
    for module in (storage_mcap, storage_sqlite3):
        setattr(module, "parse_qos", lambda _: [])  # noqa: B010
    return SimpleNamespace(
        Ros1=_bounded_ros1(Ros1Reader),
        Mcap=storage_mcap.McapReader,
        Sqlite=storage_sqlite3.Sqlite3Reader,
        store1=get_typestore(Stores.ROS1_NOETIC),
        store2=get_typestore(Stores.ROS2_JAZZY),
    )


def _bounded_ros1(base: type) -> type:
    class Ros1Reader(base):  # type: ignore[misc]
        """The library's reader, with bounds on its index and on what it unpacks repeatedly."""

        def open(self) -> None:
            """Open the bag; raises whatever the library raises."""
            self._index_bytes = 0
            self._size = self.path.stat().st_size
            self._cache: OrderedDict[int, bytes] = OrderedDict()
            self._unpacked: dict[int, int] = {}
            self._total = 0
            super().open()
            for position, chunk in self.chunks.items():
                read = partial(self._chunk, position, chunk.decompressor)
                self.chunks[position] = chunk._replace(decompressor=read)

        def read_index_data(self, pos: int, indexes: Any) -> None:
            """Read one index record; no two may share bytes, so all fit into the file."""
            before = self.bio.tell()
            super().read_index_data(pos, indexes)
            self._index_bytes += self.bio.tell() - before
            if self._index_bytes > self._size:
                raise OSError("its index is larger than the file")

        def _chunk(self, position: int, unpack: Any, data: bytes) -> bytes:
            """Return a chunk unpacked; the last are kept, for topics that were written apart."""
            if position in self._cache:
                self._cache.move_to_end(position)
                return self._cache[position]
            out: bytes = unpack(data)
            self._unpacked[position] = len(out)
            self._total += len(out)
            if self._total > MAX_REREADS * sum(self._unpacked.values()) + _SLACK_BYTES:
                raise OSError("its index leads to and fro between chunks: write the bag again")
            self._cache[position] = out
            while sum(map(len, self._cache.values())) > CACHE_BYTES and len(self._cache) > 1:
                self._cache.popitem(last=False)
            return out

    return Ros1Reader


def check_chunks(reader: Any, size: int) -> None:
    """Raise OSError when the chunks of an mcap file overlap in the file, or far too much in time.

    reader: an open reader. size: of the file, bytes.
    """
    if sum(chunk.chunk_length for chunk in reader.chunks) > size:
        raise OSError("its chunks are larger than the file")
    events = []
    for chunk in reader.chunks:
        events.append((chunk.message_start_time, chunk.uncompressed_size))
        events.append((chunk.message_end_time + 1, -chunk.uncompressed_size))
    together = 0
    for _, change in sorted(events):
        together += change
        if together > OVERLAP_BYTES:
            raise OSError(
                f"chunks that cover one time hold more than {OVERLAP_BYTES} bytes: write the bag "
                "again, in order of time"
            )


def limit_sqlite(connection: Any, size: int) -> None:
    """Bound what an SQLite file can do: no views, no triggers, no endless statements.

    connection: of apsw, just opened. size: of the file, bytes.
    """
    import apsw

    connection.limit(apsw.SQLITE_LIMIT_LENGTH, MAX_RECORD_BYTES)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    step = 10_000
    left = [(10_000_000 + 100 * size) // step]

    def interrupt() -> bool:
        left[0] -= 1
        return left[0] < 0

    connection.set_progress_handler(interrupt, step)

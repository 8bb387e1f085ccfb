# SPDX-License-Identifier: Apache-2.0
"""Read a recording inside a zip without unpacking it, and refuse zips that are not harmless."""

import lzma
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from vio.errors import VioError
from vio.limits import (
    MAX_DICTIONARY_BYTES,
    MAX_DIRECTORY_BYTES,
    MAX_FILE_BYTES,
    MAX_RATIO,
    MIN_RATIO_BYTES,
    bad_name,
    quoted,
    reason,
)

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
# What zipfile raises for archives and members that are cut off, overwritten or of a strange kind.
DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    IndexError,
    OverflowError,
)
_ENCRYPTED = 0x1  # bit of a member's flags
_END = b"PK\5\6"  # the record at an archive's end that says where the list of members is
_END64 = b"PK\6\6"
_LOCAL_HEADER = 30  # bytes before a member's name; the lengths of name and extra field end it
_LZMA_HEADER = struct.Struct("<HHBI")  # version, size of the properties: lc lp pb, dictionary


def open_archive(path: Path) -> zipfile.ZipFile:
    """Return a zip, its list of members checked against the limits.

    Raises VioError for a file that is no zip, for a member whose name is absolute, climbs out or
    holds a backslash, for links, encrypted members, methods that Python cannot unpack, and members
    that are too large, compressed too far or longer than the archive.
    """
    try:
        _check_directory_size(path)
        archive = zipfile.ZipFile(path)
    except (OSError, *DAMAGED) as error:
        raise VioError(
            f"{path} is no readable zip ({reason(error)}); if it should be one, it may be cut off: "
            "copy or download it again"
        ) from None
    try:
        size = path.stat().st_size
        for member in archive.infolist():
            _check_member(path, member, size)
    except VioError:
        archive.close()
        raise
    return archive


def _check_directory_size(path: Path) -> None:
    """Raise OSError when the list of members alone would fill the memory."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(file.tell() - 2**17, 0))
        tail = file.read()
    for mark, place, form in ((_END, 12, "<I"), (_END64, 40, "<Q")):
        at = tail.rfind(mark)
        if at >= 0 and at + place + struct.calcsize(form) <= len(tail):
            size = struct.unpack_from(form, tail, at + place)[0]
            if size != 0xFFFFFFFF and size > MAX_DIRECTORY_BYTES:
                raise OSError(f"its list of members claims {size} bytes")


def _check_member(path: Path, member: zipfile.ZipInfo, archive_bytes: int) -> None:
    def refuse(what: str, todo: str) -> None:
        raise VioError(f"{path}: member {quoted(member.filename)} {what}; {todo}")

    wrong = bad_name(member.orig_filename) or bad_name(member.filename)
    if wrong:
        refuse(wrong, "zip the recording again, with relative names and forward slashes")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        refuse("is a link or a device", "zip the recording again, with the files themselves")
    if member.flag_bits & _ENCRYPTED:
        refuse("is encrypted", "unpack it with its password, and give the folder")
    if member.compress_type not in _METHODS:
        name = "deflate64" if member.compress_type == 9 else f"method {member.compress_type}"
        refuse(f"is compressed by {name}, which Python cannot unpack", "unpack it, or use deflate")
    if member.header_offset + member.compress_size > archive_bytes:  # zipfile reserves that much
        refuse(
            f"claims {member.compress_size} bytes of an archive of {archive_bytes}",
            "it may be cut off: copy or download it again",
        )
    if member.filename.lower().endswith((".bag", ".zip")):
        return  # published archives hold the same recording in other forms, which are never read
    if member.file_size > MAX_FILE_BYTES:
        refuse(
            f"unpacks to {member.file_size} bytes, more than {MAX_FILE_BYTES}",
            "unpack it yourself, if you trust it",
        )
    ratio = member.file_size / max(member.compress_size, 1)
    if member.file_size > MIN_RATIO_BYTES and ratio > MAX_RATIO:
        refuse(
            f"unpacks to {ratio:.0f} times its size, more than {MAX_RATIO}",
            "unpack it yourself, if you trust it",
        )


class ZipFiles:
    """Read files below one folder inside a zip, without unpacking it."""

    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        self._archive = archive
        self._prefix = prefix
        self.root = f"{archive.filename}:{prefix.rstrip('/')}"
        self._folders: dict[str, set[str]] = {}
        for name in archive.namelist():
            if name.startswith(prefix) and not name.endswith("/"):
                folder, _, file = name[len(prefix) :].rpartition("/")
                self._folders.setdefault(folder, set()).add(file)

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Return a file's bytes; raises FileNotFoundError, or OSError where it is damaged."""
        try:
            member = self._archive.getinfo(self._prefix + name)
        except KeyError:
            raise FileNotFoundError(name) from None
        if member.file_size > limit:
            raise OSError(f"it is larger than {limit} bytes")
        try:
            self._check_dictionary(member)
            return self._archive.read(member)
        except DAMAGED as error:
            raise OSError(f"damaged in the zip: {reason(error)}") from error

    def _check_dictionary(self, member: zipfile.ZipInfo) -> None:
        """Raise OSError when unpacking a member by LZMA would reserve too much memory."""
        if member.compress_type != zipfile.ZIP_LZMA:
            return
        assert self._archive.filename is not None
        with Path(self._archive.filename).open("rb") as file:
            file.seek(member.header_offset + _LOCAL_HEADER - 4)
            file.seek(sum(struct.unpack("<HH", file.read(4))), 1)
            _, _, _, size = _LZMA_HEADER.unpack(file.read(_LZMA_HEADER.size))
        if size > MAX_DICTIONARY_BYTES:
            raise OSError(f"unpacking it needs {size} bytes, more than {MAX_DICTIONARY_BYTES}")

    def list(self, folder: str) -> set[str]:
        """Return the names of the files in a folder (empty when there is no such folder)."""
        return self._folders.get(folder.rstrip("/"), set())

    def parent(self) -> "ZipFiles | None":
        """Return the files of the folder around the root, or None at the top."""
        if not self._prefix:
            return None
        head = self._prefix.rstrip("/").rpartition("/")[0]
        return ZipFiles(self._archive, head + "/" if head else "")

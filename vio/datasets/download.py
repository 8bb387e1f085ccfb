# SPDX-License-Identifier: Apache-2.0
"""Download one published file: https only, resumed where it was interrupted, checked, bounded."""

import hashlib
import http.client
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from vio.datasets.manifest import Archive
from vio.errors import VioError
from vio.limits import quoted, reason, shown

MAX_BYTES = 2**36  # of a file whose size the manifest does not state
ATTEMPTS = 5  # without a new byte
PAUSE_S = 1.0  # before another attempt, doubled each time
TIMEOUT_S = 30.0
SPARE_BYTES = 2**26  # that a download leaves free on the disk
_BLOCK = 2**20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Show = Callable[[int], None]


def check_address(url: str) -> None:
    """Raise VioError unless an address is https, or http of this machine."""
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and not parts.username and not parts.password
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    except ValueError:
        good = local = False
    if not good or not (parts.scheme == "https" or local):
        raise VioError(f"{quoted(url)} is not an https address; files are fetched by https only")


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        check_address(newurl)
        if urlsplit(req.full_url).hostname not in _LOOPBACK and urlsplit(newurl).scheme != "https":
            raise VioError(f"{req.full_url} leads to {quoted(newurl)}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Interrupted(Exception):
    """Report that the connection ended before the file did."""


def download(archive: Archive, part: Path, page: str, show: Show = lambda done: None) -> None:
    """Bring an archive into the file `part`, continuing what is there.

    page: where a person can get it. show: called with the bytes that are there. Raises VioError
    when the address is gone or wants a click, when the disk is full, when the file is larger than
    it may be, or when the connection ends too often; what came so far stays for another call.
    """
    check_address(archive.url)
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        if archive.size_bytes is not None and before == archive.size_bytes:
            return
        try:
            _attempt(archive, part, page, show)
            return
        except _Interrupted as error:
            now = part.stat().st_size if part.exists() else 0
            failures = 0 if now > before else failures + 1
            if failures >= ATTEMPTS:
                of = f" of {archive.size_bytes}" if archive.size_bytes else ""
                raise VioError(
                    f"{archive.url} was interrupted at byte {now}{of} ({error}) {ATTEMPTS} times; "
                    "the same command continues there"
                ) from None
            time.sleep(PAUSE_S * 2 ** max(failures - 1, 0))


def _attempt(archive: Archive, part: Path, page: str, show: Show) -> None:
    """Ask for the rest of a file once; raises _Interrupted when it ends early."""
    here = part.stat().st_size if part.exists() else 0
    tag = _tag(part)
    request = urllib.request.Request(archive.url, headers={"User-Agent": "kestrel-vio"})
    request.add_header("Accept-Encoding", "identity")
    if here:
        request.add_header("Range", f"bytes={here}-")
        if tag:
            request.add_header("If-Range", tag)
    opener = urllib.request.build_opener(_Redirects)
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            here, total = _check_answer(archive, answer, here, page)
            _remember(part, answer.headers.get("ETag"))
            _check_disk(part, (total or archive.size_bytes or here) - here)
            with part.open("ab") as file:
                file.truncate(here)
                _copy(answer, file, here, archive, total, show)
    except urllib.error.HTTPError as error:
        if error.code == 416 and here:  # there is nothing behind what is here: begin again
            part.unlink()
            raise _Interrupted("its beginning is of another file") from None
        if error.code in (408, 429) or error.code >= 500:
            raise _Interrupted(f"HTTP {error.code}") from None
        raise VioError(_gone(archive, page, f"HTTP {error.code} {shown(error.reason)}")) from None
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        TimeoutError,
        ConnectionError,
    ) as error:
        raise _Interrupted(reason(error)) from None


def _gone(archive: Archive, page: str, what: str) -> str:
    return (
        f"{archive.url} gives no file ({what}): get {archive.name} by hand from {page}, where "
        f"it may need a click or an account, and give it: --archive {archive.name}"
    )


def _check_answer(archive: Archive, answer: Any, here: int, page: str) -> tuple[int, int | None]:
    """Return where the answer's bytes begin in the file and how large that is (None: not said)."""
    kind = (answer.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise VioError(_gone(archive, page, "it answers with a page"))
    length = answer.headers.get("Content-Length", "")
    total = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None
    if answer.status == 206 and here:
        found = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if found.strip() != str(here):
            raise _Interrupted("it continues at another place")
        total = None if total is None else total + here
    else:
        here = 0  # it cannot continue, or the file has changed
    limit = archive.size_bytes or MAX_BYTES
    if total is not None and (total > limit or (archive.size_bytes and total != limit)):
        raise VioError(
            f"{archive.url} holds {total} bytes, where {archive.name} has "
            f"{archive.size_bytes or f'at most {MAX_BYTES}'}: it is another file; see {page}"
        )
    return here, total


def _copy(
    answer: Any, file: IO[bytes], here: int, archive: Archive, total: int | None, show: Show
) -> None:
    limit = archive.size_bytes or MAX_BYTES
    while True:
        block = answer.read(_BLOCK)
        if not block:
            break
        here += len(block)
        if here > limit:
            raise VioError(f"{archive.url} sends more than {limit} bytes: it is another file")
        try:
            file.write(block)
            file.flush()
        except OSError as error:
            raise VioError(
                f"{archive.name} cannot be written at byte {here} ({reason(error)}); make room, "
                "and the same command continues there"
            ) from None
        show(here)
    wanted = archive.size_bytes or total
    if wanted is not None and here < wanted:
        raise _Interrupted("the connection ended early")


def _check_disk(part: Path, more: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if more + SPARE_BYTES > free:
        raise VioError(
            f"{part.parent} has {free} bytes free, and {more} more are needed; make room, or set "
            "VIO_DATA to a larger disk"
        )


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _remember(part: Path, tag: str | None) -> None:
    strong = tag if tag and not tag.startswith("W/") else ""
    _tag_file(part).write_text(json.dumps({"etag": strong}))


def _tag(part: Path) -> str:
    try:
        tag = json.loads(_tag_file(part).read_text()).get("etag")
        return tag if isinstance(tag, str) and tag.isprintable() else ""
    except (OSError, ValueError, AttributeError):
        return ""


def forget(part: Path) -> None:
    """Remove a file that was downloaded, and what is remembered of it."""
    for path in (part, _tag_file(part)):
        path.unlink(missing_ok=True)


def digest(path: Path, name: str, show: Show = lambda done: None) -> str:
    """Return the checksum of a file; name: md5 or sha256."""
    found = hashlib.new(name, usedforsecurity=False)
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
            done += len(block)
            show(done)
    return found.hexdigest()


def check(archive: Archive, path: Path, kept: str | None, show: Show = lambda done: None) -> str:
    """Return the SHA-256 of a file; kept: that of an earlier download, or None.

    Raises VioError when it, or the MD5 where only that is stated, is not the one expected, or when
    the size is not.
    """
    size = path.stat().st_size
    if archive.size_bytes is not None and size != archive.size_bytes:
        raise VioError(f"{path} has {size} bytes, {archive.name} has {archive.size_bytes}")
    if archive.sha256 is None and archive.md5 is not None:
        found = digest(path, "md5", show)
        if found != archive.md5:
            raise VioError(f"{path}: its md5 is {found}, that of {archive.name} is {archive.md5}")
    found = digest(path, "sha256", show)
    wanted = archive.sha256 or kept
    if wanted is not None and found != wanted:
        of = "that of" if archive.sha256 else "that of an earlier download of"
        raise VioError(f"{path}: its sha256 is {found}, {of} {archive.name} is {wanted}")
    return found

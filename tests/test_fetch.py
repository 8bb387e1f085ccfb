# SPDX-License-Identifier: Apache-2.0
"""Public recordings are fetched from a server on this machine, with all that goes wrong there."""

import hashlib
import io
import resource
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vio.cli import main
from vio.datasets import download as downloading
from vio.datasets import open_dataset, unpack
from vio.datasets.download import check_address
from vio.datasets.manifest import load_manifest
from vio.errors import VioError
from vio.runs.fetch import PLACE, fetch


@dataclass
class Server:
    """Hold what a server gives: files, and how it behaves; it counts what it is asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)  # of each answer, bytes before it is cut off
    status: dict[str, int] = field(default_factory=dict)
    redirect: dict[str, str] = field(default_factory=dict)
    kind: str = "application/octet-stream"
    ranges: bool = True
    tag: str = '"1"'
    asked: list[tuple[str, str]] = field(default_factory=list)
    length: bool = True


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Range", "")))
            if self.path in state.redirect:
                self.send_response(302)
                self.send_header("Location", state.redirect[self.path])
                self.end_headers()
                return
            status = state.status.get(self.path, 200 if self.path in state.files else 404)
            if status != 200:
                self.send_error(status)
                return
            data = state.files[self.path]
            start = 0
            asked = self.headers.get("Range", "").removeprefix("bytes=").rstrip("-")
            same = self.headers.get("If-Range", state.tag) == state.tag
            if asked and state.ranges and same:
                start = int(asked)
                if start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Type", state.kind)
            self.send_header("ETag", state.tag)
            if state.length:
                self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            end = start + state.cut.pop(0) if state.cut else len(data)
            self.wfile.write(data[start:end])

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.address = f"http://127.0.0.1:{http.server_port}"
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


def zipped(recording: Path, prefix: str, **more: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(recording.rglob("*")):
            if path.is_file():
                archive.write(path, f"{prefix}mav0/{path.relative_to(recording)}")
        for name, data in more.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(recording: Path, change: Callable[[tarfile.TarFile], None] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(recording, "dataset-tiny/mav0")
        if change is not None:
            change(archive)
    return stream.getvalue()


@dataclass
class Place:
    """Hold a data folder, and write manifests for it."""

    data: Path
    server: Server

    def manifest(self, archive: bytes, name: str = "tiny.tar", **fields: Any) -> Path:
        """Serve an archive and return a manifest with its size and checksum, changed by fields."""
        self.server.files[f"/{name}"] = archive
        values: dict[str, Any] = {
            "url": f"{self.server.address}/{name}",
            "size_bytes": len(archive),
            "sha256": hashlib.sha256(archive).hexdigest(),
        }
        member = fields.pop("member", None)
        values |= fields
        lines = ['[[dataset]]\nname = "d"\ntitle = "T"\npage = "https://p.example/page"']
        lines += [
            'licence = "CC X"\nlicence_page = "https://l.example"\ncite = "C"\nsource = ["s"]'
        ]
        lines += [f'[[archive]]\nname = "{name}"\ndataset = "d"\nsource = ["s"]']
        lines += [f"{k} = {v!r}".replace("'", '"') for k, v in values.items() if v is not None]
        lines += [f'[[sequence]]\nname = "tiny"\narchive = "{name}"\nfolder = "set/tiny"']
        lines += [f'member = "{member}"'] if member else []
        path = self.data / "manifest.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def fetch(self, manifest: Path, *words: str) -> int:
        """Run the command."""
        return main(["datasets", "fetch", "tiny", "--manifest", str(manifest), *words])

    def accepted(self, manifest: Path, *words: str) -> int:
        """Run the command with the licence accepted."""
        return self.fetch(manifest, "--accept-licence", *words)

    @property
    def arrived(self) -> Path:
        """Where the recording lies when it is there."""
        return self.data / "set" / "tiny"


@pytest.fixture
def place(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("VIO_DATA", str(data))
    monkeypatch.setattr(downloading, "PAUSE_S", 0.0)
    return Place(data, server)


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_recording_is_fetched_checked_unpacked_and_read(
    place: Place, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = place.manifest(tarred(recording))
    assert place.fetch(manifest) == 2
    out = capsys.readouterr()
    assert "licence: CC X (https://l.example)" in out.out
    assert "add --accept-licence" in out.err
    assert place.server.asked == []
    assert place.accepted(manifest) == 0
    assert len(list(open_dataset(place.arrived).frames())) == 12
    assert list((place.data / PLACE).iterdir()) == []
    assert place.accepted(manifest) == 0
    assert "it is there already" in capsys.readouterr().err
    assert len(place.server.asked) == 1


def test_a_zip_nested_in_a_zip_is_the_recording(place: Place, recording: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("hall/tiny/tiny.zip", zipped(recording, "", **{"tiny.bag": b"x" * 999}))
        archive.writestr("hall/tiny/tiny.bag", b"never unpacked")
    data = stream.getvalue()
    manifest = place.manifest(data, "hall.zip", member="hall/tiny/tiny.zip")
    assert place.accepted(manifest) == 0
    assert not list(place.arrived.rglob("*.bag"))
    assert len(open_dataset(place.arrived).frame_t_ns) == 12
    for prefix in ("some/where/", ""):
        other = place.data / f"p{len(prefix)}"
        other.mkdir()
        path = other / "a.zip"
        path.write_bytes(zipped(recording, prefix))
        (other / "files").mkdir()
        assert (unpack.unpack(path, None, other / "files") / "mav0" / "cam0").is_dir()


def test_an_interrupted_download_is_continued_where_it_ended(
    place: Place, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tarred(recording)
    manifest = place.manifest(data)
    place.server.cut = [1000, 2000, 0, 500]
    assert place.accepted(manifest) == 0
    ranges = [r for _, r in place.server.asked]
    assert ranges == ["", "bytes=1000-", "bytes=3000-", "bytes=3000-", "bytes=3500-"]
    assert len(open_dataset(place.arrived).frame_t_ns) == 12
    capsys.readouterr()


def test_a_download_that_ends_too_often_is_continued_by_the_next_call(
    place: Place, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tarred(recording)
    manifest = place.manifest(data)
    place.server.cut = [4000] + [0] * downloading.ATTEMPTS
    assert place.accepted(manifest) == 2
    assert f"was interrupted at byte 4000 of {len(data)}" in error_of(capsys)
    place.server.asked.clear()
    assert place.accepted(manifest) == 0
    assert place.server.asked == [("/tiny.tar", "bytes=4000-")]


@pytest.mark.parametrize("what", ["no ranges", "another file", "too far", "no length"])
def test_a_server_that_cannot_continue_is_asked_from_the_beginning(
    what: str, place: Place, recording: Path
) -> None:
    data = tarred(recording)
    manifest = place.manifest(data)
    place.server.cut = [4000] + [0] * downloading.ATTEMPTS
    assert place.accepted(manifest) == 2
    part = place.data / PLACE / "tiny.tar.part"
    if what == "no ranges":
        place.server.ranges = False
    elif what == "another file":
        part.write_bytes(b"x" * 4000)
        place.server.tag = '"2"'
    elif what == "too far":
        part.write_bytes(b"x" * (len(data) + 5))
    else:
        place.server.length = False
    assert place.accepted(manifest) == 0
    assert len(open_dataset(place.arrived).frame_t_ns) == 12


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_wrong_checksum_is_found_before_anything_is_unpacked(
    kind: str, place: Place, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    length = {"sha256": 64, "md5": 32}[kind]
    fields = {"sha256": None, kind: "0" * length}
    manifest = place.manifest(tarred(recording), **fields)
    assert place.accepted(manifest) == 2
    error = error_of(capsys)
    assert f"its {kind} is " in error
    assert f"that of tiny.tar is {'0' * length}; it was removed" in error
    assert list((place.data / PLACE).iterdir()) == []
    assert not place.arrived.parent.exists()


def test_without_a_known_checksum_the_computed_one_is_printed_and_kept(
    place: Place, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tarred(recording)
    found = hashlib.sha256(data).hexdigest()
    manifest = place.manifest(data, sha256=None, size_bytes=None)
    assert place.accepted(manifest) == 0
    assert f"its sha256 is {found} (kept)" in capsys.readouterr().err
    place.arrived.rename(place.data / "away")
    manifest = place.manifest(data[:-1] + b"\1", sha256=None, size_bytes=None)
    assert place.accepted(manifest) == 2
    assert f"that of an earlier download of tiny.tar is {found}" in error_of(capsys)


def status(code: int) -> Callable[[Server], None]:
    return lambda server: server.status.update({"/tiny.tar": code})


def leads_to(address: str) -> Callable[[Server], None]:
    return lambda server: server.redirect.update({"/tiny.tar": address})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (status(404), r"gives no file \(HTTP 404 .*p.example/page"),
        (status(403), r"HTTP 403 .*a click or an account, and give"),
        (status(503), r"interrupted at byte 0 of \d+ \(HTTP 503\)"),
        (lambda s: setattr(s, "kind", "text/html; charset=x"), r"answers with a page\): get tiny"),
        (leads_to("file:///etc/passwd"), "is not allowed"),
        (leads_to("http://x.example/"), "is not an https address"),
        (leads_to("/tiny.tar"), "HTTP 302"),
        (lambda s: s.files.update({"/tiny.tar": b"x" * 99}), "holds 99 bytes, where tiny.tar has"),
    ],
)
def test_what_a_server_does_wrong_is_one_line(
    edit: Callable[[Server], None],
    message: str,
    place: Place,
    recording: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import re

    manifest = place.manifest(tarred(recording))
    edit(place.server)
    assert place.accepted(manifest) == 2
    assert re.search(message, error_of(capsys))
    assert not place.arrived.parent.exists()


def test_a_file_that_never_ends_is_cut_off(
    place: Place, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = place.manifest(tarred(recording))
    place.server.files["/tiny.tar"] += b"x"
    place.server.length = False
    assert place.accepted(manifest) == 2
    assert "sends more than" in error_of(capsys)


def test_an_archive_that_was_got_by_hand_is_taken_and_left(
    place: Place, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tarred(recording)
    manifest = place.manifest(data)
    local = tmp_path / "got.tar"
    local.write_bytes(data[:-1] + b"\1")
    assert place.accepted(manifest, "--archive", str(local)) == 2
    assert "it is another file, or damaged: download it again" in error_of(capsys)
    local.write_bytes(data)
    assert place.accepted(manifest, "--archive", str(local)) == 0
    assert place.server.asked == []
    assert local.read_bytes() == data
    assert len(open_dataset(place.arrived).frame_t_ns) == 12
    assert place.accepted(place.manifest(data), "--archive", str(tmp_path / "none")) == 0  # there


def test_a_full_disk_is_one_line_and_what_came_stays(
    place: Place,
    recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tarred(recording)
    manifest = place.manifest(data)
    usage = SimpleNamespace(free=1000)
    with monkeypatch.context() as context:
        context.setattr(downloading.shutil, "disk_usage", lambda _: usage)
        assert place.accepted(manifest) == 2
    assert f"has 1000 bytes free, and {len(data)} more are needed" in error_of(capsys)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        assert place.accepted(manifest) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "cannot be written at byte" in error_of(capsys)
    assert (place.data / PLACE / "tiny.tar.part").stat().st_size == 20_000
    with monkeypatch.context() as context:  # room for the download, not for what is in it
        context.setattr(unpack.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**4))
        context.setattr(downloading, "SPARE_BYTES", -(10**9))
        assert place.accepted(manifest) == 2
    assert "needs more than the 10000 bytes that are free" in error_of(capsys)
    assert [p.name for p in (place.data / PLACE).iterdir()] == ["tiny.tar"]
    assert not place.arrived.parent.exists()
    assert place.accepted(manifest) == 0
    assert len(open_dataset(place.arrived).frame_t_ns) == 12


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[Any], None]:
    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        archive.addfile(info, io.BytesIO(b""))

    return add


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (entry("../evil"), "climbs out of its folder; not unpacked"),
        (entry("/etc/evil"), "is an absolute path; not unpacked"),
        (entry("a\\b"), "holds a backslash; not unpacked"),
        (entry("dataset-tiny/x", tarfile.SYMTYPE, "/etc"), "is a link or a device; not unpacked"),
        (entry("dataset-tiny/x", tarfile.LNKTYPE, "dataset-tiny/mav0"), "is a link or a device"),
        (entry("dataset-tiny/x", tarfile.CHRTYPE), "is a link or a device"),
        (entry("dataset-tiny/mav0/imu0/data.csv"), "cannot be unpacked: File exists"),
        (lambda a: [entry(f"{k}/mav0/x")(a) for k in "ab"], "holds 3 recordings"),
    ],
)
def test_what_is_not_harmless_in_a_tar_is_refused_and_nothing_remains(
    change: Callable[[Any], None],
    message: str,
    place: Place,
    recording: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = place.manifest(tarred(recording, change))
    assert place.accepted(manifest) == 2
    assert message in error_of(capsys)
    assert not place.arrived.parent.exists()
    assert [p.name for p in (place.data / PLACE).iterdir()] == ["tiny.tar"]


def empty(place: Place) -> Path:
    folder = place.data / "files"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def test_archives_that_unpack_too_far_or_are_none_are_refused(
    place: Place, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, data in (("a.tar", tarred(recording)), ("a.zip", zipped(recording, ""))):
        path = place.data / name
        path.write_bytes(data)
        for limit, value in (("MAX_BYTES", 5000), ("MAX_FILES", 3)):
            with monkeypatch.context() as context:
                context.setattr(unpack, limit, value)
                with pytest.raises(VioError, match=f"more than {value} (bytes|files)"):
                    unpack.unpack(path, None, empty(place))
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(
            VioError, match=r"cannot be unpacked|neither a zip nor a tar|no readable"
        ):
            unpack.unpack(path, None, empty(place))
    (place.data / "b.zip").write_bytes(zipped(recording, ""))
    with pytest.raises(VioError, match=r"holds no 'x.zip'; is it the right archive"):
        unpack.unpack(place.data / "b.zip", "x.zip", empty(place))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a", "ftp://127.0.0.1/a", "file:///etc/passwd", "//x/a", "https:///a",
        "https://user:word@example.org/a", "http://127.0.0.1.example.org/a", "http://[::1", "a",
    ],
)  # fmt: skip
def test_only_https_and_this_machine_are_addresses(url: str) -> None:
    with pytest.raises(VioError, match="is not an https address"):
        check_address(url)
    check_address("https://example.org/a?b")
    check_address("http://localhost:80/a")


def test_the_list_and_the_description_name_what_is_published(
    place: Place, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in load_manifest().sequences)
    assert main(["datasets", "info", "MH_01_easy"]) == 0
    out = capsys.readouterr().out
    for text in ("InC-NC", "12.68 GB", "5ed7d07903f8d19b", "363f5c2502b4", "not here"):
        assert text in out
    assert main(["datasets", "info", "MH_99"]) == 2
    assert "no recording is named 'MH_99'; there are: MH_01_easy" in capsys.readouterr().err
    manifest = load_manifest(place.manifest(tarred(recording)))
    (place.arrived).mkdir(parents=True)
    with pytest.raises(VioError, match="is there and holds no recording"):
        fetch(manifest, manifest.sequences["tiny"], place.data)

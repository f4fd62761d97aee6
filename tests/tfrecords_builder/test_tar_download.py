import csv
import hashlib
import io
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tfrecords_builder.download import DownloadResult
from tfrecords_builder.download_config import FetchConfig, parse_networks
from tfrecords_builder.tar_download import TarConfig, download_archives

ROOT = Path(__file__).resolve().parents[2]


def tar_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def archives(server, reply, scene, encode):
    """Three archives of two photographs each on the server: their members by name."""
    members = {}
    for number in range(3):
        photos = {f"{number}/a/{n}/{number}a{n}f.jpg": encode(scene(seed=10 * number + n)) for n in range(2)}
        members |= photos
        put(server, reply, number, tar_of(photos))
    return members


def put(server, reply, number: int, data: bytes, md5: str = "") -> None:
    name = f"images_{number:03d}"
    server.replies[f"/train/{name}.tar"] = reply(data)
    digest = md5 or hashlib.md5(data, usedforsecurity=False).hexdigest()
    server.replies[f"/md5/md5.{name}.txt"] = reply(f"{digest}  {name}.tar\n".encode())


@pytest.fixture
def get(server, clock, tmp_path):
    def work(**changes) -> DownloadResult:
        fetch = FetchConfig(
            contact="https://example.org/bot",
            private_networks=parse_networks(["127.0.0.1"]),
            rate=1000.0,
            attempts=2,
        )
        settings = {"archives": server.url("/train"), "md5": server.url("/md5/"), "first": 0, "last": 2, **changes}
        return download_archives(TarConfig(out=tmp_path / "out", fetch=fetch, **settings), clock=clock)

    return work


def photographs(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("?/?/?/*.jpg")}


def failures(folder):
    with (folder / "failed.csv").open(newline="") as file:
        return [(row["id"], row["reason"]) for row in csv.DictReader(file)]


def test_archives_are_fetched_checked_and_extracted_once(archives, get, server, tmp_path):
    assert get() == get() == DownloadResult(done=6, reasons={})
    assert photographs(tmp_path / "out") == archives
    assert len(server.requests) == 6
    assert not list((tmp_path / "out").rglob("*.tar"))


def test_only_bad_archives_are_fetched_again(archives, get, server, reply, tmp_path):
    good = server.replies["/train/images_001.tar"]
    server.replies["/train/images_001.tar"] = good[:-512] + b"x" * 512
    server.replies["/md5/md5.images_002.txt"] = reply(b"<html>")
    assert get() == DownloadResult(done=2, reasons={"no_md5": 1, "wrong_md5": 1})
    assert failures(tmp_path / "out") == [("images_001.tar", "wrong_md5"), ("images_002.tar", "no_md5")]
    server.replies["/train/images_001.tar"] = good
    assert get() == DownloadResult(done=4, reasons={"no_md5": 1})
    assert server.count("/train/images_000.tar") == 1
    assert server.count("/train/images_001.tar") == 2
    assert failures(tmp_path / "out") == [("images_002.tar", "no_md5")]


def test_a_missing_or_broken_transfer(archives, get, server, reply):
    del server.replies["/train/images_000.tar"]
    server.replies["/train/images_001.tar"] = reply(b"half", length=5000)
    assert get() == DownloadResult(done=2, reasons={"http_404": 1, "wrong_length": 1})


def test_members_that_were_refused_are_listed(get, server, reply, scene, encode, tmp_path):
    put(server, reply, 0, tar_of({"../../evil.jpg": b"x", "a/b/c/abc.jpg": encode(scene()), "a/b/c/abcd.jpg": b"text"}))
    assert get(last=0) == DownloadResult(done=1, reasons={"not_an_image": 1, "unsafe_member": 1})
    assert sorted(failures(tmp_path / "out")) == [
        ("../../evil.jpg", "unsafe_member"),
        ("a/b/c/abcd.jpg", "not_an_image"),
    ]


def test_an_archive_that_was_being_extracted_is_not_fetched_again(archives, get, server, tmp_path):
    """As a kill between the fetch and the end of the extraction leaves it."""
    folder = tmp_path / "out/.download/archives"
    folder.mkdir(parents=True)
    (folder / "images_000.tar").write_bytes(server.replies["/train/images_000.tar"].partition(b"\r\n\r\n")[2])
    (folder / "images_001.partial").write_bytes(b"half")
    (folder / "images_002.tar").write_bytes(b"damaged")
    assert get() == DownloadResult(done=4, reasons={"wrong_md5": 1})
    assert get().done == 6
    assert server.count("/train/images_000.tar") == 0
    assert photographs(tmp_path / "out") == archives


def test_archives_on_disk_are_read_where_they_lie(archives, get, server, tmp_path):
    for path, reply in server.replies.items():
        target = tmp_path / path[1:]
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(reply.partition(b"\r\n\r\n")[2])
    (tmp_path / "train/images_002.tar").unlink()
    (tmp_path / "md5/md5.images_001.txt").unlink()
    result = get(archives=str(tmp_path / "train"), md5=str(tmp_path / "md5"))
    assert result == DownloadResult(done=2, reasons={"no_md5": 1, "not_a_tar": 1})
    assert (tmp_path / "train/images_000.tar").is_file()
    assert not server.requests


@pytest.fixture
def ranged(server):
    """Lets the server answer ranges of an archive, and break off behind a byte or send slowly."""

    def put_up(number: int, *, etag: str = '"v1"', most: int = 10**9, slowly: bool = False, ranges: bool = True):
        path = f"/train/images_{number:03d}.tar"
        body = server.replies[path]
        body = body.partition(b"\r\n\r\n")[2] if isinstance(body, bytes) else body.body

        def answer(connection, before):
            headers = next(headers for name, headers in reversed(server.requests) if name == path)
            first = 0
            if ranges and headers.get("if-range") == etag:
                first = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
            status = "206 Partial Content" if first else "200 OK"
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) - first}\r\nETag: {etag}\r\nConnection: close\r\n"
            head += f"Content-Range: bytes {first}-{len(body) - 1}/{len(body)}\r\n" if first else ""
            connection.sendall(head.encode() + b"\r\n")
            for start in range(first, min(len(body), first + most), 2048):
                connection.sendall(body[start : min(start + 2048, first + most)])
                if slowly and server.closing.wait(0.02):
                    return

        answer.body = body
        server.replies[path] = answer
        return len(body)

    return put_up


def asked_from(server) -> list[str]:
    return [headers.get("range", "all") for path, headers in server.requests if path == "/train/images_000.tar"]


def test_a_transfer_that_breaks_off_goes_on_in_this_run_and_the_next(archives, get, server, ranged, tmp_path):
    whole = ranged(0, most=3000)
    assert get(last=0) == DownloadResult(done=0, reasons={"wrong_length": 1})
    assert whole > 6000
    ranged(0)
    assert get(last=0) == DownloadResult(done=2, reasons={})
    assert asked_from(server) == ["all", "bytes=3000-", "bytes=6000-"]
    assert photographs(tmp_path / "out").items() <= archives.items()
    assert not list((tmp_path / "out/.download/archives").iterdir())


@pytest.mark.parametrize("change", [{"ranges": False}, {"etag": '"v2"'}])
def test_a_server_without_ranges_or_with_another_body_starts_anew(archives, get, server, ranged, change):
    ranged(0, most=3000)
    get(last=0)
    ranged(0, **change)
    assert get(last=0) == DownloadResult(done=2, reasons={})


def test_a_beginning_that_was_damaged_is_found_by_the_md5(archives, get, server, ranged, tmp_path):
    ranged(0, most=3000)
    get(last=0)
    partial = tmp_path / "out/.download/archives/images_000.partial"
    partial.write_bytes(bytes(partial.stat().st_size))
    ranged(0)
    assert get(last=0) == DownloadResult(done=0, reasons={"wrong_md5": 1})
    assert get(last=0).done == 2
    assert asked_from(server)[-1] == "all"


CHILD = """
import sys
from pathlib import Path
from tfrecords_builder.download_config import FetchConfig, parse_networks
from tfrecords_builder.tar_download import TarConfig, download_archives
fetch = FetchConfig(contact="me@example.org", private_networks=parse_networks(["127.0.0.1"]), rate=1000.0)
where = {"archives": sys.argv[1], "md5": sys.argv[2], "out": Path(sys.argv[3])}
download_archives(TarConfig(first=0, last=0, fetch=fetch, **where))
"""


def test_killed_within_a_transfer_it_asks_for_the_rest(get, server, reply, ranged, scene, encode, tmp_path):
    photos = {f"a/b/{n:x}/ab{n:x}f.jpg": encode(scene(200, 300, seed=n)) for n in range(16)}
    put(server, reply, 0, tar_of(photos))
    whole = ranged(0, slowly=True)
    line = [sys.executable, "-c", CHILD, server.url("/train"), server.url("/md5"), str(tmp_path / "out")]
    partial = tmp_path / "out/.download/archives/images_000.partial"
    with subprocess.Popen(line, cwd=ROOT) as child:
        deadline = time.monotonic() + 30
        while not (partial.is_file() and partial.stat().st_size > 30_000) and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    there = partial.stat().st_size
    assert 30_000 < there < whole
    ranged(0)
    assert get(last=0) == DownloadResult(done=16, reasons={})
    assert asked_from(server) == ["all", f"bytes={there}-"]
    assert photographs(tmp_path / "out") == photos


def test_sources_and_numbers_are_checked(get, tmp_path):
    with pytest.raises(ValueError, match="archives 5-2: need 0 <= first <= last <= 999"):
        get(first=5)
    with pytest.raises(FileNotFoundError, match="md5: /nowhere is neither"):
        get(md5="/nowhere")

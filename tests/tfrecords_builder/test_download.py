import csv
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfrecords_builder.download import DownloadResult, download_photographs, write_failed
from tfrecords_builder.download_config import DownloadConfig, FetchConfig, parse_networks
from tfrecords_builder.terminal import run

ROOT = Path(__file__).resolve().parents[2]


def name(number: int) -> str:
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"


@pytest.fixture
def photographs(server, reply, scene, encode, write_csv, tmp_path) -> Path:
    """train.csv of 40 photographs on the server."""
    rows = []
    for number in range(40):
        server.replies[f"/{number}.jpg"] = reply(encode(scene(seed=number)))
        rows.append((name(number), server.url(f"/{number}.jpg"), number // 4))
    return write_csv(tmp_path / "train.csv", ("id", "url", "landmark_id"), rows)


@pytest.fixture
def get(tmp_path, clock):
    """Downloads `csv` into tmp_path/out."""

    def work(csv: Path, *, retry=None, **changes) -> DownloadResult:
        settings = {
            "contact": "me@example.org",
            "private_networks": parse_networks(["127.0.0.1"]),
            "rate": 1000.0,
            "per_host": 4,
            "attempts": 2,
            **changes,
        }
        config = DownloadConfig(csv=csv, out=tmp_path / "out", fetch=FetchConfig(**settings), retry_failed=retry)
        return download_photographs(config, clock=clock)

    return work


def visible(folder: Path) -> dict[str, bytes]:
    """What a user sees of a folder: not the ledger, whose pages depend on the order of the answers."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".download" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def listed(out: Path) -> list[list[str]]:
    with (out / "failed.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def test_every_photograph_comes_to_its_place(photographs, get, server, scene, encode, tmp_path):
    assert get(photographs) == DownloadResult(done=40, reasons={})
    files = visible(tmp_path / "out")
    assert files.pop("failed.csv") == b"id,url,reason,detail\n"
    assert files == {f"{name(n)[0]}/{name(n)[1]}/{name(n)[2]}/{name(n)}.jpg": encode(scene(seed=n)) for n in range(40)}
    assert len(server.requests) == 40


def test_a_second_run_asks_for_nothing(photographs, get, server, tmp_path):
    first = get(photographs), visible(tmp_path / "out")
    assert (get(photographs), visible(tmp_path / "out")) == first
    assert len(server.requests) == 40


def test_two_folders_end_alike(photographs, get, server, reply, tmp_path):
    server.replies["/3.jpg"] = reply(status="410 Gone")
    server.replies["/30.jpg"] = reply(b"<html>no photograph</html>")
    get(photographs)
    (tmp_path / "out").rename(tmp_path / "first")
    get(photographs, per_host=1, concurrency=1)
    assert visible(tmp_path / "out") == visible(tmp_path / "first")


@pytest.fixture
def faulty(photographs, server, reply, scene, encode):
    photo = encode(scene())
    server.replies |= {
        "/1.jpg": reply(status="404 Not Found"),
        "/2.jpg": reply(b"", "Retry-After: 1", status="429 Too Many Requests"),
        "/3.jpg": reply(photo, length=len(photo) + 1),
        "/4.jpg": reply(photo[:-200]),
        "/5.jpg": reply(b"<html>not found, politely</html>"),
        "/6.jpg": reply(b""),
        "/7.jpg": reply(photo, "X-Robots-Tag: noai"),
        "/8.jpg": reply(b"II*\x00" + bytes(100)),
        "/9.jpg": reply(b"", "Location: http://169.254.169.254/", status="302 Found"),
    }
    reasons = ["http_404", "http_429", "wrong_length", "truncated", "not_an_image", "empty", "robots", "unsupported"]
    return [*reasons, "blocked_address"]


def test_failures_are_counted_and_listed_in_order(photographs, get, faulty, tmp_path):
    result = get(photographs)
    assert result == DownloadResult(done=31, reasons=dict.fromkeys(sorted(faulty), 1))
    assert [row[0] for row in listed(tmp_path / "out")] == [name(number) for number in range(1, 10)]
    assert [row[2] for row in listed(tmp_path / "out")] == faulty
    assert all(row[1].startswith("http://127.0.0.1:") for row in listed(tmp_path / "out"))


def test_failed_urls_are_asked_again_on_request_only(photographs, get, faulty, server, reply, scene, encode, tmp_path):
    get(photographs)
    asked = len(server.requests)
    for number in range(1, 10):
        server.replies[f"/{number}.jpg"] = reply(encode(scene(seed=number)))
    assert get(photographs).failed == 9
    assert len(server.requests) == asked
    assert get(photographs, retry=("http_429", "empty")) == DownloadResult(
        done=33, reasons=dict.fromkeys(sorted(set(faulty) - {"http_429", "empty"}), 1)
    )
    assert len(server.requests) == asked + 2
    assert get(photographs, retry=()).done == 40
    assert listed(tmp_path / "out") == []


def test_bad_urls_do_not_stop_the_others(get, server, reply, scene, encode, write_csv, tmp_path):
    server.replies["/a"] = reply(encode(scene()))
    rows = [("aaa1", "ftp://127.0.0.1/a"), ("aaa2", server.url("/a")), ("aaa3", ""), ("aaa4", "http://[::1]:1/a")]
    result = get(write_csv(tmp_path / "t.csv", ("id", "url"), rows))
    assert result == DownloadResult(done=1, reasons={"bad_url": 2, "blocked_address": 1})


def test_a_host_that_is_gone_costs_little(get, server, reply, scene, encode, write_csv, tmp_path, clock):
    server.replies["/a"] = reply(encode(scene()))
    rows = [(f"gone{number:03d}", f"http://127.0.0.1:1/{number}") for number in range(100)]
    csv = write_csv(tmp_path / "t.csv", ("id", "url"), rows)
    result = get(csv, host_failures=5, per_host=1)
    assert result == DownloadResult(done=0, reasons={"host_down": 95, "connect": 5})


def test_a_host_that_asks_for_an_hour_is_left_alone(photographs, get, server, reply):
    for number in range(10, 40):
        server.replies[f"/{number}.jpg"] = reply(b"", "Retry-After: 3600", status="503 Busy")
    result = get(photographs, per_host=1)
    assert result == DownloadResult(done=10, reasons={"host_busy": 30})
    assert len(server.requests) == 11


def test_lost_and_changed_files_come_back(photographs, get, server, tmp_path):
    get(photographs)
    before = visible(tmp_path / "out")
    files = sorted((tmp_path / "out").glob("?/?/?/*.jpg"))
    files[3].unlink()
    files[5].write_bytes(b"short")
    assert get(photographs).done == 40
    assert visible(tmp_path / "out") == before
    assert len(server.requests) == 42


def test_files_that_are_there_are_not_asked_for_but_broken_ones_are(
    photographs, get, server, store, scene, encode, tmp_path
):
    store(tmp_path / "out", name(0), encode(scene(seed=0)))
    store(tmp_path / "out", name(1), encode(scene(seed=1))[:-100])
    assert get(photographs).done == 40
    assert server.count("/0.jpg") == 0
    assert server.count("/1.jpg") == 1


def test_a_full_disk_ends_the_run_and_the_next_goes_on(photographs, get, server, tmp_path, monkeypatch, capsys):
    written = 0

    def fsync(descriptor):
        nonlocal written
        written += 1
        if written > 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tfrecords_builder.atomic.os.fsync", fsync)
    assert run(lambda: get(photographs)) == 1
    assert "No space left on device: " in capsys.readouterr().err
    monkeypatch.undo()
    assert len(visible(tmp_path / "out")) == 10
    assert get(photographs).done == 40
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_a_folder_is_used_by_one_run_at_a_time(photographs, get, tmp_path):
    from tfrecords_builder.ledger import open_ledger

    with open_ledger(tmp_path / "out"), pytest.raises(OSError, match="another download is running"):
        get(photographs)


def test_a_damaged_ledger_is_named(photographs, get, tmp_path):
    (tmp_path / "out/.download").mkdir(parents=True)
    (tmp_path / "out/.download/ledger.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(OSError, match=r"the ledger .*ledger\.sqlite: file is not a database"):
        get(photographs)


# Forks a download from a process that has imported everything, kills it, and does so again.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from tfrecords_builder.download import download_photographs
from tfrecords_builder.download_config import DownloadConfig, FetchConfig, parse_networks
csv, out, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
fetch = FetchConfig(contact="me@example.org", private_networks=parse_networks(["127.0.0.1"]), rate=150.0, per_host=3)
moments = random.Random(7)
killed = 0
for turn in range(kills + 1):
    child = os.fork()
    if not child:
        download_photographs(DownloadConfig(csv=csv, out=out, fetch=fetch))
        os._exit(0)
    if turn < kills:
        time.sleep(moments.uniform(0.0, 0.09))
        os.kill(child, signal.SIGKILL)
    killed += os.waitpid(child, 0)[1] == signal.SIGKILL
print(killed)
"""


def test_killed_at_twenty_moments_it_ends_with_the_same_files(photographs, get, server, tmp_path):
    server.replies["/13.jpg"] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    line = [sys.executable, "-c", KILLER, photographs, tmp_path / "killed", "20"]
    done = subprocess.run(list(map(str, line)), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5
    asked = len(server.requests)
    get(photographs)
    assert visible(tmp_path / "killed") == visible(tmp_path / "out")
    assert not list((tmp_path / "killed").rglob("*.partial"))
    # A kill costs what was on its way, not what was there: the failure may be asked for again each time.
    assert asked <= 40 + 20 * 4


def test_what_a_kill_left_of_the_list_of_failures_is_removed(tmp_path):
    (tmp_path / ".failed.csv.abc.partial").write_text("id,url")
    (tmp_path / ".other.csv.abc.partial").write_text("")
    write_failed(tmp_path / "failed.csv", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.csv.abc.partial", "failed.csv"]

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tfrecords_builder.ledger import Failed, open_ledger
from tfrecords_builder.ledger_import import import_urls
from tfrecords_builder.photograph_files import StoredFile

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(tmp_path / "out") as opened:
        yield opened


@pytest.fixture
def load(ledger, tmp_path, write_csv):
    def work(*rows, header=("id", "url")):
        import_urls(ledger, write_csv(tmp_path / "t.csv", header, rows))

    return work


def urls(ledger):
    return [(row.image_id, row.url) for host in ledger.pending_hosts() for row in ledger.pending(host)]


def test_good_and_bad_urls(ledger, load):
    load(("aa", "http://a.example/1"), ("bb", "ftp://a.example/2"))
    assert urls(ledger) == [("aa", "http://a.example/1")]
    detail = "scheme 'ftp': only http and https are asked for"
    assert list(ledger.failed()) == [Failed("bb", "ftp://a.example/2", "bad_url", detail)]


def test_the_same_file_changes_nothing(ledger, load):
    load(("aa", "http://a.example/1"))
    wanted = ledger.wanted
    load(("aa", "http://a.example/1"))
    assert ledger.wanted == wanted


def test_another_file_decides_what_is_wanted(ledger, load):
    load(("aa", "http://a.example/1"), ("bb", "http://a.example/2"))
    row = next(ledger.pending("a.example"))
    ledger.record(row, StoredFile(size_bytes=1, sha256=""))
    ledger.flush()
    load(("cc", "http://a.example/3"), ("aa", "http://a.example/1"))
    assert urls(ledger) == [("cc", "http://a.example/3")]
    assert ledger.count("done") == 1
    load(("aa", "http://a.example/1"), ("bb", "http://a.example/2"))
    assert urls(ledger) == [("bb", "http://a.example/2")]


def test_a_corrected_url_is_asked_for(ledger, load):
    load(("aa", "htp://a.example/1"))
    load(("aa", "http://a.example/1"))
    assert urls(ledger) == [("aa", "http://a.example/1")]
    assert ledger.count("failed") == 0
    load(("aa", "nonsense"))
    assert ledger.count("failed") == 1


def test_a_photograph_that_is_there_keeps_its_url(ledger, load):
    load(("aa", "http://a.example/1"))
    ledger.record(next(ledger.pending("a.example")), StoredFile(size_bytes=1, sha256=""))
    ledger.flush()
    with pytest.raises(ValueError, match=r"line 3: 'aa' was downloaded from another URL .* choose another --out"):
        load(("bb", "http://a.example/2"), ("aa", "http://a.example/9"))
    assert (ledger.count("done"), urls(ledger)) == (1, [])


def test_an_id_may_occur_once_and_the_ledger_stays_as_it_was(ledger, load):
    load(("zz", "http://a.example/0"))
    with pytest.raises(ValueError, match="line 4: id 'aa' is already on line 2"):
        load(("aa", "http://a.example/1"), ("bb", "http://a.example/2"), ("aa", "http://a.example/1"))
    assert urls(ledger) == [("zz", "http://a.example/0")]


def test_files_without_rows_or_that_are_not_there(ledger, load, tmp_path):
    with pytest.raises(ValueError, match="has a header and no rows"):
        load()
    with pytest.raises(FileNotFoundError, match=r"no CSV file at /nowhere\.csv"):
        import_urls(ledger, tmp_path / "/nowhere.csv")


CHILD = """
import os, signal, sys
from pathlib import Path
from tfrecords_builder.ledger import open_ledger
from tfrecords_builder.ledger_import import import_urls
from tfrecords_builder import ledger_import
read, rows_until_the_end = ledger_import.read_urls, int(sys.argv[3])
def killed(path):
    for number, row in enumerate(read(path)):
        if number == rows_until_the_end:
            os.kill(os.getpid(), signal.SIGKILL)
        yield row
ledger_import.read_urls = killed
with open_ledger(Path(sys.argv[2])) as ledger:
    # A tiny cache: pages reach the file long before the end, as with millions of rows.
    ledger._database.execute("PRAGMA cache_size=10")
    import_urls(ledger, Path(sys.argv[1]))
"""


def test_killed_within_the_first_import_it_leaves_an_empty_ledger(write_csv, tmp_path):
    rows = [(f"{n * 0x9E3779B97F4A7C15 % 2**64:016x}", f"http://a.example/{n}") for n in range(20_000)]
    csv = write_csv(tmp_path / "t.csv", ("id", "url"), rows)
    line = [sys.executable, "-c", CHILD, csv, tmp_path / "out", 17_000]
    done = subprocess.run(list(map(str, line)), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "out/.download/ledger.sqlite").stat().st_size > 500_000, "nothing had been written yet"
    with open_ledger(tmp_path / "out") as ledger:
        assert (ledger.count("pending"), ledger.pending_hosts(), ledger.digest()) == (0, [], "")
        import_urls(ledger, csv)
        assert [(row.image_id, row.url) for row in ledger.pending("a.example")] == rows
        assert [ledger.count(state) for state in ("pending", "failed", "done")] == [20_000, 0, 0]


def test_an_id_that_occurs_twice_in_the_first_file_leaves_an_empty_ledger(ledger, load):
    with pytest.raises(ValueError, match="line 4: id 'aa' is already on line 2"):
        load(("aa", "http://a.example/1"), ("bb", "http://a.example/2"), ("aa", "http://a.example/3"))
    assert (ledger.count("pending"), ledger.digest()) == (0, "")
    load(("aa", "http://a.example/1"))
    assert urls(ledger) == [("aa", "http://a.example/1")]

import pytest

from tfrecords_builder.download_failures import DownloadFailed, Failure
from tfrecords_builder.ledger import Failed, Pending, open_ledger
from tfrecords_builder.ledger_import import import_urls
from tfrecords_builder.photograph_files import StoredFile

STORED = StoredFile(size_bytes=7, sha256="ab")


@pytest.fixture
def ledger(tmp_path, write_csv):
    """600 URLs of a.example and 3 of b.example."""
    rows = [(f"a{number:04d}", f"http://a.example/{number}") for number in range(600)]
    rows[10:10] = [(f"b{number}", f"http://b.example/{number}") for number in range(3)]
    csv = write_csv(tmp_path / "t.csv", ("id", "url"), rows)
    with open_ledger(tmp_path / "out") as opened:
        import_urls(opened, csv)
        yield opened


def test_pending_urls_by_host_in_order(ledger):
    assert ledger.pending_hosts() == ["a.example", "b.example"]
    rows = list(ledger.pending("a.example"))
    assert rows[0] == Pending(2, "a0000", "http://a.example/0")
    assert [row.image_id for row in rows] == [f"a{number:04d}" for number in range(600)]
    assert list(ledger.pending("c.example")) == []


def test_what_became_of_urls(ledger):
    rows = list(ledger.pending("a.example"))
    ledger.record(rows[0], STORED)
    ledger.record(rows[1], DownloadFailed("http_404", "Not Found"))
    ledger.flush()
    assert [ledger.count(state) for state in ("done", "failed", "pending")] == [1, 1, 601]
    assert list(ledger.done()) == [("a0000", 7)]
    assert list(ledger.failed()) == [Failed("a0001", "http://a.example/1", "http_404", "Not Found")]
    assert next(ledger.pending("a.example")) == rows[2]


def test_rows_may_finish_while_they_are_listed(ledger):
    seen = []
    for row in ledger.pending("a.example"):
        seen.append(row)
        ledger.record(row, STORED)
    assert len(seen) == 600
    assert ledger.count("done") >= 550


def test_retry_by_reason_and_all(ledger):
    for row, reason in zip(ledger.pending("b.example"), ("timeout", "http_404", "http_404"), strict=True):
        ledger.record(row, DownloadFailed(reason, ""))
    ledger.flush()
    assert ledger.reasons() == {"http_404": 2, "timeout": 1}
    assert ledger.retry(("timeout", "dns")) == 1
    assert ledger.reasons() == {"http_404": 2}
    assert ledger.retry(()) == 2
    assert ledger.count("failed") == 0


def test_the_rest_of_a_host_fails_at_once(ledger):
    rows = list(ledger.pending("a.example"))
    assert ledger.fail_rest("a.example", rows[99].line, DownloadFailed(Failure.HOST_DOWN, "gone")) == 500
    assert ledger.reasons() == {"host_down": 500}
    assert ledger.count("pending") == 103


def test_forgotten_photographs_are_pending(ledger):
    row = next(ledger.pending("b.example"))
    ledger.record(row, STORED)
    ledger.flush()
    ledger.forget([row.image_id])
    assert next(ledger.pending("b.example")) == row


def test_a_transaction_that_fails_leaves_nothing(ledger):
    with pytest.raises(KeyError), ledger.transaction() as database:
        database.execute("DELETE FROM photographs")
        raise KeyError
    assert ledger.count("pending") == 603


def test_what_was_noted_is_there_after_closing(tmp_path, write_csv):
    csv = write_csv(tmp_path / "t.csv", ("id", "url"), [("aa", "http://a.example/")])
    with open_ledger(tmp_path / "out") as opened:
        import_urls(opened, csv)
        opened.record(next(opened.pending("a.example")), STORED)
    with open_ledger(tmp_path / "out") as opened:
        assert opened.count("done") == 1

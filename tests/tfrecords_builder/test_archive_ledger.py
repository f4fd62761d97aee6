from tfrecords_builder.archive_ledger import ArchiveLedger
from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.ledger import Failed, open_ledger
from tfrecords_builder.tar_archives import Extracted, RefusedMember

NAMES = ["images_000.tar", "images_001.tar"]


def test_archives_fail_and_are_finished(tmp_path):
    with open_ledger(tmp_path) as ledger:
        rows = ArchiveLedger(ledger)
        rows.fail("images_001.tar", "u1", DownloadFailed("wrong_md5", "bad"))
        refused = RefusedMember(name="../evil", reason="unsafe_member", detail="d")
        rows.finish("images_000.tar", "u0", "ab", Extracted(photographs=5, refused=(refused,)))
        assert [rows.is_done(name) for name in NAMES] == [True, False]
        assert rows.photographs(NAMES) == 5
        assert list(rows.failed(NAMES)) == [
            Failed("images_001.tar", "u1", "wrong_md5", "bad"),
            Failed("../evil", "u0", "unsafe_member", "d"),
        ]
        assert [row.image_id for row in rows.failed(["images_001.tar"])] == ["images_001.tar"]
    with open_ledger(tmp_path) as ledger:
        rows = ArchiveLedger(ledger)
        rows.finish("images_001.tar", "u1", "cd", Extracted(photographs=3, refused=()))
        rows.finish("images_000.tar", "u0", "ab", Extracted(photographs=6, refused=()))
        assert (rows.photographs(NAMES), list(rows.failed(NAMES))) == (9, [])

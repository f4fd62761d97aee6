import os
from pathlib import Path

import pytest

from tfrecords_builder.atomic import atomic_write, forget_partials


def test_text_and_bytes(tmp_path):
    with atomic_write(tmp_path / "new/a.txt") as file:
        file.write("é")
    assert (tmp_path / "new/a.txt").read_bytes() == "é".encode()
    with atomic_write(tmp_path / "b", "wb") as file:
        file.write(b"\x00")
    assert (tmp_path / "b").read_bytes() == b"\x00"


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic_write(path) as file:
        file.write("half")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_a_plain_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomic_write(tmp_path / "ours") as file:
        file.write("")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_newlines_are_left_to_the_csv_writer(tmp_path):
    with atomic_write(tmp_path / "a", newline="") as file:
        file.write("a\r\n")
    assert (tmp_path / "a").read_bytes() == b"a\r\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told_with_the_file_s_name(tmp_path, monkeypatch):
    descriptor = os.open("/dev/full", os.O_WRONLY)
    temporary = str(tmp_path / ".a.partial")
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (descriptor, temporary))
    with pytest.raises(OSError, match="No space left on device") as caught, atomic_write(tmp_path / "a") as file:
        file.write("x")
    assert caught.value.filename == str(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_other_modes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="takes mode 'w' or 'wb', got 'a'"), atomic_write(tmp_path / "a", "a"):
        pass


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"exists|Not a directory"), atomic_write(tmp_path / "file/a"):
        pass


def test_leftovers_of_one_name_or_of_all_are_forgotten(tmp_path: Path) -> None:
    for name in (".a.csv.x1.partial", ".b.csv.x2.partial", ".[a].csv.x3.partial", "a.csv", "kept.partial"):
        (tmp_path / name).write_text("")
    forget_partials(tmp_path, "a.csv")
    assert not (tmp_path / ".a.csv.x1.partial").exists()
    assert (tmp_path / ".b.csv.x2.partial").exists()
    forget_partials(tmp_path, "[a].csv")
    assert not (tmp_path / ".[a].csv.x3.partial").exists()
    forget_partials(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "kept.partial"]

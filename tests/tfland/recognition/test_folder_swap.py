"""A replaced folder is the old one or the new one, whatever happens."""

from pathlib import Path

import pytest

from tfland.recognition.folder_swap import present_folder, replaced_folder

FILES = ("a.txt", "b.txt")


def put(path: Path, text: str) -> None:
    with replaced_folder(path, FILES) as new:
        (new / "a.txt").write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_made_and_replaced(tmp_path: Path) -> None:
    put(tmp_path / "deep" / "index", "one")
    put(tmp_path / "deep" / "index", "two")
    assert (tmp_path / "deep" / "index" / "a.txt").read_text() == "two"
    assert names(tmp_path / "deep") == ["index"]


def test_an_error_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path / "index", "one")
    with pytest.raises(ZeroDivisionError), replaced_folder(tmp_path / "index", FILES) as new:
        (new / "b.txt").write_text("half")
        raise ZeroDivisionError
    assert names(tmp_path) == ["index"]
    assert names(tmp_path / "index") == ["a.txt"]


@pytest.mark.parametrize("calls", [1, 2])
def test_killed_at_a_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Readers find the old folder, and the next writer goes on."""
    put(tmp_path / "index", "one")
    rename, count = Path.rename, 0

    def dying(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == calls:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path / "index", "two")
    assert (present_folder(tmp_path / "index") / "a.txt").read_text() == "one"
    monkeypatch.setattr(Path, "rename", rename)
    with replaced_folder(tmp_path / "index", FILES) as new:
        assert (tmp_path / "index" / "a.txt").read_text() == "one"
        assert not list(new.iterdir())
        (new / "a.txt").write_text("three")
    assert (tmp_path / "index" / "a.txt").read_text() == "three"
    assert names(tmp_path) == ["index"]


def test_killed_before_the_old_one_was_removed(tmp_path: Path) -> None:
    put(tmp_path / "index", "new")
    (tmp_path / ".index.old").mkdir()
    (tmp_path / ".index.old" / "a.txt").write_text("old")
    assert (present_folder(tmp_path / "index") / "a.txt").read_text() == "new"
    put(tmp_path / "index", "newer")
    assert names(tmp_path) == ["index"]


def test_two_writers(tmp_path: Path) -> None:
    with replaced_folder(tmp_path / "index", FILES) as new:
        (new / "a.txt").write_text("one")
        with pytest.raises(OSError, match=r"another command is writing .*index"):
            put(tmp_path / "index", "two")
    assert (tmp_path / "index" / "a.txt").read_text() == "one"


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds 'thesis.txt', which does not belong to embeddings"):
        put(tmp_path / "home", "one")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is a file"):
        put(tmp_path / "file", "one")
    assert names(tmp_path) == ["file", "home"]

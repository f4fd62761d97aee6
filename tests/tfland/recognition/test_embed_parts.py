"""Finished parts are kept, others are not believed."""

from pathlib import Path

import numpy as np
import pytest

from tfland.recognition.embed_parts import Part, open_parts
from tfrecords_builder.manifest import RefusedImage

PART = Part(
    ids=["a", "b"],
    landmark_ids=[3, -1],
    vectors=np.array([[1, 2], [3, 4]], np.float16),
    refused=[RefusedImage(id="c", reason="missing", detail="nowhere")],
)


def test_a_part_comes_back(tmp_path: Path) -> None:
    with open_parts(tmp_path, shared=False) as parts:
        assert not parts.is_finished(7)
        parts.write(7, PART)
        assert parts.is_finished(7)
        read = parts.read(7)
        assert (read.ids, read.landmark_ids, read.refused) == (PART.ids, PART.landmark_ids, PART.refused)
        assert (read.vectors == PART.vectors).all()
        parts.remove()
    assert not list(tmp_path.iterdir())


def test_a_part_without_its_note_is_not_finished(tmp_path: Path) -> None:
    with open_parts(tmp_path, shared=False) as parts:
        parts.write(0, PART)
        (tmp_path / ".parts" / "part-000000.json").unlink()
        assert not parts.is_finished(0)


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    with open_parts(tmp_path, shared=False) as parts:
        parts.write(0, PART)
        (tmp_path / ".parts" / "part-000000.json").write_text('{"ids": ["a"], "landmark_ids": [1], "refused": []}')
        with pytest.raises(ValueError, match=r"part-000000.json is damaged \(1 ids and 2 vectors\); delete it"):
            parts.read(0)
        (tmp_path / ".parts" / "part-000000.json").write_text("{}")
        with pytest.raises(ValueError, match=r"is damaged .'refused'."):
            parts.read(0)


def test_parts_of_another_run(tmp_path: Path) -> None:
    with open_parts(tmp_path, shared=False) as parts:
        parts.claim({"dtype": "float16", "model": {"flip": False}})
        parts.claim({"dtype": "float16", "model": {"flip": False}})
        with pytest.raises(ValueError, match=r"another kind .model.flip was False and is True.; choose another --out"):
            parts.claim({"dtype": "float16", "model": {"flip": True}})


def try_to_open(folder: Path, *, shared: bool) -> None:
    with open_parts(folder, shared=shared):
        pass


def test_who_may_work_at_once(tmp_path: Path) -> None:
    for first, second in ((True, False), (False, True), (False, False)):
        running = pytest.raises(OSError, match=r"another `tfland embed` is running")
        with open_parts(tmp_path, shared=first), running:
            try_to_open(tmp_path, shared=second)
    with open_parts(tmp_path, shared=True):
        try_to_open(tmp_path, shared=True)

import json

import pytest

from tfrecords_builder.build_state import differences, open_state
from tfrecords_builder.manifest import RefusedImage, ShardEntry
from tfrecords_builder.schema import offsets_name
from tfrecords_builder.shard_writer import ShardResult

NAME = "train-00000-of-00001.tfrecord"
SETTINGS = {"settings": {"max_side": 256, "limits": {"min_side": 8}}, "format_version": 1}
RESULT = ShardResult(
    entry=ShardEntry(name=NAME, records=1, refused=1, size_bytes=3, sha256="00"),
    refused=(RefusedImage(id="a", reason="empty", detail="0 bytes"),),
)


def write_files(out):
    (out / NAME).write_bytes(b"abc")
    (out / offsets_name(NAME)).write_bytes(b"")


def test_a_finished_shard_is_remembered(tmp_path):
    with open_state(tmp_path) as state:
        state.claim(SETTINGS)
        assert state.finished(NAME) is None
        write_files(tmp_path)
        state.finish(RESULT)
    with open_state(tmp_path) as state:
        state.claim(SETTINGS)
        assert state.finished(NAME) == RESULT
        state.forget(NAME)
        assert state.finished(NAME) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda out: (out / NAME).unlink(),
        lambda out: (out / NAME).write_bytes(b"ab"),
        lambda out: (out / offsets_name(NAME)).unlink(),
    ],
)
def test_a_shard_that_is_not_as_it_was_left_is_written_again(tmp_path, damage, caplog):
    with open_state(tmp_path) as state:
        write_files(tmp_path)
        state.finish(RESULT)
        damage(tmp_path)
        assert state.finished(NAME) is None
    assert "is not as its build left it" in caplog.text


def test_other_settings_are_refused_by_name(tmp_path):
    other = {"settings": {"max_side": 128, "limits": {"min_side": 8}}, "format_version": 1}
    with open_state(tmp_path) as state:
        state.claim(SETTINGS)
        with pytest.raises(ValueError, match=r"other settings \(settings.max_side was 256 and is 128\); choose"):
            state.claim(other)


def test_shards_of_unknown_origin_are_not_touched(tmp_path):
    (tmp_path / NAME).write_bytes(b"abc")
    with open_state(tmp_path) as state, pytest.raises(ValueError, match=f"holds {NAME}, which this tool did not"):
        state.claim(SETTINGS)
    assert (tmp_path / NAME).read_bytes() == b"abc"


def test_damaged_settings_are_refused(tmp_path):
    with open_state(tmp_path) as state:
        (tmp_path / ".build/settings.json").write_text("[]")
        with pytest.raises(
            ValueError, match=r"settings.json must hold a JSON object, not a list; choose another --out"
        ):
            state.claim(SETTINGS)


def test_two_builds_cannot_run_in_one_folder(tmp_path):
    with open_state(tmp_path), pytest.raises(OSError, match="another build is running in"), open_state(tmp_path):
        pass
    with open_state(tmp_path):
        pass


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    with open_state(tmp_path) as state:
        for folder in (tmp_path, tmp_path / ".build"):
            (folder / f".{NAME}.x7.partial").write_bytes(b"half")
        (tmp_path / "notes.txt").write_text("the user's own")
        for folder in (".build/repair", ".build/plan"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / NAME).write_bytes(b"of a killed repair or pipeline")
        state.claim(SETTINGS)
    assert not list(tmp_path.rglob("*.partial"))
    assert not list(tmp_path.rglob(NAME))
    assert (tmp_path / "notes.txt").exists()


def test_state_is_readable(tmp_path):
    with open_state(tmp_path) as state:
        state.finish(RESULT)
    assert json.loads((tmp_path / f".build/{NAME}.json").read_text())["entry"]["records"] == 1


def test_settings_can_be_read_and_given_back(tmp_path):
    with open_state(tmp_path) as state:
        assert state.settings() is None
        state.adopt(SETTINGS)
        assert state.settings() == SETTINGS
        state.adopt({"other": 1})
        assert state.settings() == SETTINGS
        (tmp_path / ".build/settings.json").write_text("{")
        assert state.settings() is None
        state.adopt(SETTINGS)
        assert state.settings() == SETTINGS


def test_a_damaged_note_is_named(tmp_path):
    with open_state(tmp_path) as state:
        (tmp_path / f".build/{NAME}.json").write_text('{"entry": {}, "refused": []}')
        with pytest.raises(ValueError, match=f"{NAME}.json is damaged: .*; delete it and run the build again"):
            state.noted(NAME)


def test_differences_are_named():
    there, here = {"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}, "d": 4}
    assert differences(there, here) == "a.b was 1 and is 3; d was 'absent' and is 4"

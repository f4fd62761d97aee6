import numpy as np
import pytest

from tfrecords_builder import check_ids as module
from tfrecords_builder.check_ids import check_ids
from tfrecords_builder.check_shard import ShardFindings, hash_of_ids
from tfrecords_builder.schema import Record, to_example_bytes
from tfrecords_builder.tfrecord import frame_record


@pytest.fixture
def folder(tmp_path):
    """Makes shards of given ids and returns what a check finds in them; None is a record that cannot be read."""

    def write(shards: dict[str, list[str | None]]) -> list[ShardFindings]:
        findings = []
        for name, image_ids in shards.items():
            frames = [frame_record(b"?" if image_id is None else example(image_id)) for image_id in image_ids]
            (tmp_path / name).write_bytes(b"".join(frames))
            readable = [number for number, image_id in enumerate(image_ids) if image_id is not None]
            findings.append(
                ShardFindings(
                    name=name,
                    id_hashes=hash_of_ids([image_ids[number] for number in readable]),
                    record_numbers=np.array(readable, np.int32),
                    labels=np.empty(0, np.int64),
                    label_counts=np.empty(0, np.int64),
                    decoded=0,
                    problems=[],
                )
            )
        return findings

    def example(image_id: str) -> bytes:
        return to_example_bytes(
            Record(image_id=image_id, filename="", encoded=b"", height=1, width=1, label=0, landmark_id=0)
        )

    return tmp_path, write


def texts(folder, findings, refused=()) -> list[str]:
    return [str(problem) for problem in check_ids(folder, findings, list(refused))]


def test_repeated_within_and_across_shards(folder):
    root, write = folder
    findings = write({"a": ["x", None, "y", "x"], "b": ["z", "y"], "c": []})
    assert texts(root, findings) == [
        "a record 3 (x): the photograph is already in a",
        "b record 1 (y): the photograph is already in a",
    ]


def test_refused_and_yet_there(folder):
    root, write = folder
    findings = write({"a": ["x"], "b": ["z"]})
    assert texts(root, findings, ["z", "other"]) == ["b record 0 (z): the photograph is in refused.csv too"]


def test_equal_hashes_of_other_ids_are_no_problem(folder):
    root, write = folder
    findings = write({"a": ["x"], "b": ["z"]})
    findings[1].id_hashes.flags.writeable = False
    same = [ShardFindings(**{**vars(finding), "id_hashes": np.array([7], np.uint64)}) for finding in findings]
    assert texts(root, same) == []


def test_nothing_to_compare(folder):
    root, write = folder
    assert texts(root, []) == texts(root, write({"a": []})) == []


def test_no_more_than_some_are_read_again(folder, monkeypatch):
    root, write = folder
    monkeypatch.setattr(module, "_MAX_COMPARED", 4)
    found = texts(root, write({"a": ["x"] * 7}))
    assert len(found) == 4
    assert found[-1] == "a: 3 further records look like photographs that occur twice"


def test_four_million_ids_need_little_memory(folder):
    import tracemalloc

    root, _ = folder
    hashes = np.random.default_rng(0).permutation(4_000_000).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    empty = np.empty(0, np.int64)
    findings = [
        ShardFindings(
            name=str(number),
            id_hashes=part,
            record_numbers=np.arange(len(part), dtype=np.int32),
            labels=empty,
            label_counts=empty,
            decoded=0,
            problems=[],
        )
        for number, part in enumerate(np.split(hashes, 100))
    ]
    tracemalloc.start()
    assert texts(root, findings) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6

"""Which photographs are in a build twice, or both in a shard and in refused.csv.

Compares 64-bit hashes in sorted arrays (16 bytes a record and the same again while sorting), then reads the ids
themselves where hashes are equal: what is reported is exact.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tfrecords_builder.check_shard import Problem, ShardFindings, hash_of_ids
from tfrecords_builder.schema import REFUSED_FILE, from_example_bytes
from tfrecords_builder.tfrecord import scan_records

# Repeated ids of a shard that is there twice are as many as its records: that many are read again, and no more.
_MAX_COMPARED = 10_000


def check_ids(folder: Path, findings: Sequence[ShardFindings], refused: list[str]) -> Iterator[Problem]:
    """Yields a problem for each record whose photograph is in an earlier record or in refused.csv.

    Args:
        folder: of the build.
        findings: of all shards, in the order of their names.
        refused: ids in refused.csv.

    Raises:
        OSError: a shard cannot be read.
    """
    if not findings:
        return
    hashes = np.concatenate([finding.id_hashes for finding in findings])
    repeated = _repeated(hashes)
    also_refused = np.flatnonzero(np.isin(hashes, hash_of_ids(refused)))
    places = np.union1d(repeated, also_refused)
    compared = places[:_MAX_COMPARED]
    refused_ids = set(refused)
    first: dict[str, str] = {}
    for shard, number, image_id in _read_ids(folder, findings, compared):
        if image_id in first:
            text = f"the photograph is already in {first[image_id]}"
            yield Problem(file=shard, record=number, image_id=image_id, text=text)
        elif image_id in refused_ids:
            yield Problem(file=shard, record=number, image_id=image_id, text=f"the photograph is in {REFUSED_FILE} too")
        first.setdefault(image_id, shard)
    if len(places) > len(compared):
        text = f"{len(places) - len(compared)} further records look like photographs that occur twice"
        yield Problem(file=findings[-1].name, text=text)


def _repeated(hashes: np.ndarray) -> np.ndarray:
    """Returns the places of all hashes that occur more than once, ascending: int64 [M]."""
    order = np.argsort(hashes, kind="stable")
    equal = hashes[order[1:]] == hashes[order[:-1]]
    return np.union1d(order[1:][equal], order[:-1][equal])


def _read_ids(folder: Path, findings: Sequence[ShardFindings], places: np.ndarray) -> Iterator[tuple[str, int, str]]:
    """Yields (shard, record number, id) of the records at places in the concatenation of all findings."""
    start = 0
    for finding in findings:
        end = start + len(finding.id_hashes)
        inside = places[(places >= start) & (places < end)] - start
        wanted = set(finding.record_numbers[inside].tolist())
        start = end
        if not wanted:
            continue
        for number, frame in enumerate(scan_records(folder / finding.name)):
            if number in wanted:
                yield finding.name, number, from_example_bytes(frame.data).image_id

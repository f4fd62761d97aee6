"""Records that cannot be used, found before the first step, so that leaving them out is a function of the data alone.

A run that skips them trains on the records that are left, numbered as if the others had never been there: the same in
every run, after every resume and on any number of replicas.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np

from tfland.data.pipeline import raise_bad_record, sound_numbers
from tfland.data.records import RecordIndex
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.terminal import CheckFailed, progress

# In the model directory.
BAD_RECORDS_FILE = "bad_records.json"
# Named in the message of a run that ends because there are too many.
_NAMED = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class BadRecord:
    """A record that was left out.

    Attributes:
        shard: file name of its shard.
        offset: byte at which its frame starts there.
        number: its number among all records of its split.
        detail: what is wrong with it, with the shard's whole path.
    """

    shard: str
    offset: int
    number: int
    detail: str


def find_bad_records(index: RecordIndex, what: str) -> tuple[BadRecord, ...]:
    """Reads and decodes every record, at libjpeg's smallest size; costs about as much as the input of one epoch.

    Args:
        index: the records.
        what: the name of the split, for the progress line.
    """
    sound = np.zeros(len(index), dtype=bool)
    with progress(f"check {what}", len(index), "records") as state:
        for numbers in sound_numbers(index).as_numpy_iterator():
            sound[numbers] = True
            state.advance(len(numbers))
    return tuple(_describe(index, int(number)) for number in np.flatnonzero(~sound))


def check_budget(bad: tuple[BadRecord, ...], budget: int) -> None:
    """Refuses more bad records than `data.bad_record_budget`.

    Raises:
        CheckFailed: there are more; the message names the first ones.
    """
    if len(bad) > budget:
        first = "; ".join(record.detail for record in bad[:_NAMED])
        raise CheckFailed(
            f"{len(bad)} bad records, data.bad_record_budget is {budget}; repair them with `tfland build check "
            f"--repair` or raise it. The first: {first}"
        )


def write_bad_records(path: Path, splits: dict[str, tuple[BadRecord, ...]], digest: str) -> None:
    """Lists what was left out as JSON.

    Args:
        path: the file.
        splits: the bad records of each split.
        digest: of all records, from `digest_of`.
    """
    rows = {split: [dataclasses.asdict(record) for record in bad] for split, bad in splits.items()}
    with atomic_write(path) as file:
        json.dump({"digest": digest, "count": sum(map(len, rows.values())), "bad_records": rows}, file, indent=1)
        file.write("\n")


def read_bad_records(path: Path, digest: str) -> dict[str, tuple[BadRecord, ...]] | None:
    """Reads what `write_bad_records` wrote; None where there is nothing or it is about other records.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["digest"] != digest:
            return None
        return {split: tuple(BadRecord(**row) for row in rows) for split, rows in stored["bad_records"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error!r}); remove it, and the records are checked again") from error


def digest_of(indices: dict[str, RecordIndex]) -> str:
    """Identity of all records of some splits."""
    text = "".join(f"{split} {index.digest()}\n" for split, index in indices.items())
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(index: RecordIndex, number: int) -> BadRecord:
    detail = f"{index.describe(number)}: TensorFlow cannot read it"
    try:
        raise_bad_record(index, np.array([number]))
    except CheckFailed as error:
        detail = str(error)
    shard = index.shards[index.shard_numbers[number]].name
    return BadRecord(shard=shard, offset=int(index.offsets[number]), number=number, detail=detail)

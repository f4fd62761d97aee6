"""Notices photographs that were replaced after their features were stored.

Features are kept by image id. Beside them lies photographs.csv (id,bytes): the size of each file when its features were
first used. A file of another size is another photograph, and its stored features would answer for one that is gone. The
size is looked at, not the time: copies of a collection have other times and the same sizes. A photograph replaced by
one of exactly as many bytes is not noticed, nor are photographs in shards, which are built anew as a whole.
"""

import csv
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from delf_verify.feature_store import FeatureStore
from delf_verify.sources import FolderSource, PhotographSource
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.images import places_of

SIZES_FILE = "photographs.csv"
_HEADER = ["id", "bytes"]


def check_sizes(image_ids: Collection[str], source: PhotographSource, store: FeatureStore) -> dict[str, int]:
    """Compares the sizes of photographs whose features are stored with those noted before, and notes new ones.

    Args:
        image_ids: the photographs; those that are gone or have no features are passed over.
        source: where they are; only folders are looked at.
        store: their features.

    Returns:
        The sizes that are known, by id: evidence holds for these files.

    Raises:
        ValueError: a photograph has another size than when its features were first used; or the list is damaged.
        OSError: the list cannot be read or written.
    """
    if not isinstance(source, FolderSource):
        return {}
    path = store.folder / SIZES_FILE
    known = _read(path)
    fresh = {}
    for image_id, size in _sizes((one for one in image_ids if one in store), source.root):
        before = known.get(image_id)
        if before is None:
            fresh[image_id] = size
        elif before != size:
            raise ValueError(
                f"photograph {image_id!r} in {source.root} has {size} bytes and had {before} when its features were "
                f"stored: it was replaced. Delete {store.folder} (its features are made again), or use another folder"
            )
    if fresh:
        with atomic_write(path, newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_HEADER)
            writer.writerows(sorted((known | fresh).items()))
    known |= fresh
    return {image_id: known[image_id] for image_id in image_ids if image_id in known}


def sizes_digest(sizes: Mapping[str, int]) -> str:
    """sha256 of sizes by id, whatever their order."""
    digest = hashlib.sha256()
    for image_id in sorted(sizes):
        digest.update(f"{image_id},{sizes[image_id]}\n".encode())
    return digest.hexdigest()


def _sizes(image_ids: Iterable[str], root: Path) -> Iterator[tuple[str, int]]:
    folder = str(root)
    for image_id in image_ids:
        # Without the checks of `images.locate`, which took twenty times longer: nothing is opened.
        for place in places_of(image_id):
            try:
                yield image_id, os.stat(f"{folder}/{place}").st_size  # noqa: PTH116 - quick
                break
            except OSError:
                continue


def _read(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    try:
        if rows[:1] != [_HEADER]:
            raise ValueError(f"it must begin with {','.join(_HEADER)}")
        return {image_id: int(size) for image_id, size in rows[1:]}
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and run again") from error

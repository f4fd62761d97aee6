"""Local features of many images on disk: random access by id, append-only, safe to kill at any moment.

A store is a folder:

    store.json      {"version": 2, "fingerprint": "..."}: whose features these are
    shard-NAME.npy  a row a feature: location_yx (2 float32, pixels), score, scale (float32), descriptor (D float16)
    shard-NAME.csv  id,start,count,pixel_size: which rows of that shard belong to which image

A shard counts once its .csv is there, which is written last; neither file is ever changed. NAME is a hash of the ids in
it, so several processes may add to one store at the same time.

1000 features of 40 numbers take 96 kB. Descriptors are rounded when they are added, not when they are written, and
whoever matches features that come straight from an extractor rounds them by `as_stored`: matches never depend on
whether features were stored. Version 1 kept descriptors in float32 and is refused.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from delf_verify.features import LocalFeatures
from delf_verify.half_precision import from_half, is_finite, to_half
from tfrecords_builder.atomic import atomic_write

_VERSION = 3
_ABOUT = "store.json"
_HEADER = ["id", "start", "count", "pixel_size"]
_FIELDS = ("location_yx", "score", "scale", "descriptor")
# What is mapped at once, in bytes (but at least one shard) and in shards. Pages that were read count as a process's
# memory while they are mapped, and Linux gives a process 65,530 maps; to map a shard anew costs 0.16 ms.
_MAX_MAPPED = 128 << 20
_MAX_OPEN = 64


class _Place(NamedTuple):
    shard: str
    start: int
    num_features: int
    pixel_size: float


def as_stored(features: LocalFeatures) -> LocalFeatures:
    """The features as a store gives them back: descriptors rounded to float16.

    Raises:
        ValueError: a number of a descriptor is too large for float16.
    """
    return replace(features, descriptors=from_half(to_half(features.descriptors)))


class FeatureStore:
    """Features by image id.

    Use it as a context manager, or call `flush` at the end: `add` keeps features in memory until
    `images_per_shard` are together, and a killed process loses those, no more.

    Args:
        folder: where the store is or will be.
        fingerprint: of the extractor; a store that was made by another one is refused.
        images_per_shard: images that are written together.

    Raises:
        ValueError: the store is of another extractor or version, or is damaged.
        OSError: the folder cannot be read or written.
    """

    def __init__(self, folder: Path | str, fingerprint: str, images_per_shard: int = 256) -> None:
        if images_per_shard < 1:
            raise ValueError(f"images_per_shard must be at least 1, got {images_per_shard}")
        self.folder, self.fingerprint = Path(folder), fingerprint
        self._images_per_shard = images_per_shard
        self._pending: dict[str, LocalFeatures] = {}
        self._shards: dict[str, NDArray[np.void]] = {}
        self._num_mapped = 0
        _open_or_create(self.folder, fingerprint)
        self._places: dict[str, _Place] = {}
        for table in sorted(self.folder.glob("shard-*.csv")):
            self._places.update(_read_table(table))

    def __enter__(self) -> "FeatureStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Also after an error: what was extracted before it is good.
        self.flush()

    def __len__(self) -> int:
        return len(self._places) + len(self._pending)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._places or image_id in self._pending

    def __iter__(self) -> Iterator[str]:
        """The ids, sorted."""
        return iter(sorted([*self._places, *self._pending]))

    def missing(self, image_ids: Iterable[str]) -> list[str]:
        """Those of the ids that are not in the store, in their order, each once."""
        return [image_id for image_id in dict.fromkeys(image_ids) if image_id not in self]

    def add(self, image_id: str, features: LocalFeatures) -> None:
        """Adds an image; no features is a fact worth storing too.

        Raises:
            ValueError: the id is already there or empty, the descriptors have another length than those before, or
                a number of one is too large for float16.
        """
        if not image_id:
            raise ValueError("an image id must not be empty")
        if image_id in self:
            raise ValueError(f"image {image_id!r} is already in {self.folder}; ask missing() first")
        sizes = {pending.descriptors.shape[1] for pending in self._pending.values()}
        if sizes - {features.descriptors.shape[1]}:
            raise ValueError(
                f"image {image_id!r} has descriptors of {features.descriptors.shape[1]} numbers, those before "
                f"it {sizes.pop()}: one extractor makes one length"
            )
        self._pending[image_id] = as_stored(features)
        if len(self._pending) >= self._images_per_shard:
            self.flush()

    def get(self, image_id: str) -> LocalFeatures:
        """The features of an image.

        Raises:
            KeyError: the image is not in the store.
            ValueError: its shard is damaged.
        """
        if image_id in self._pending:
            return self._pending[image_id]
        if image_id not in self._places:
            raise KeyError(f"image {image_id!r} is not in the feature store {self.folder}")
        shard, start, count, pixel_size = self._places[image_id]
        rows = self._mapped(shard)[start : start + count]
        if len(rows) != count:
            raise ValueError(f"{self.folder / shard}.npy is shorter than its .csv says; delete both and run again")
        try:
            if not is_finite(rows["descriptor"]):
                raise ValueError("a descriptor is not finite")
            descriptors = from_half(rows["descriptor"])
            return LocalFeatures(rows["location_yx"], descriptors, rows["score"], rows["scale"], pixel_size)
        except ValueError as error:
            path = self.folder / shard
            raise ValueError(f"{path}.npy is damaged ({error}); delete it and its .csv and run again") from error

    def _mapped(self, shard: str) -> NDArray[np.void]:
        """The rows of a shard; the least recently used ones are let go where too much is mapped."""
        rows = self._shards.pop(shard, None)
        if rows is None:
            rows = _map_shard(self.folder / f"{shard}.npy")
            self._num_mapped += rows.nbytes
            while self._shards and (len(self._shards) >= _MAX_OPEN or self._num_mapped > _MAX_MAPPED):
                self._num_mapped -= self._shards.pop(next(iter(self._shards))).nbytes
        self._shards[shard] = rows
        return rows

    def flush(self) -> None:
        """Writes what `add` has gathered."""
        if not self._pending:
            return
        name = "shard-" + hashlib.sha256(json.dumps(list(self._pending)).encode()).hexdigest()[:16]
        with atomic_write(self.folder / f"{name}.npy", "wb") as file:
            np.save(file, _to_rows(list(self._pending.values())), allow_pickle=False)
        places, start = {}, 0
        for image_id, features in self._pending.items():
            places[image_id] = _Place(name, start, len(features), features.pixel_size)
            start += len(features)
        with atomic_write(self.folder / f"{name}.csv", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_HEADER)
            writer.writerows((image_id, *place[1:]) for image_id, place in places.items())
        self._places.update(places)
        self._pending = {}


def read_fingerprint(folder: Path | str) -> str:
    """Whose features a store holds; creates none.

    Raises:
        FileNotFoundError: there is no store.
        ValueError: it is damaged or of another version.
    """
    path = Path(folder) / _ABOUT
    if not path.is_file():
        raise FileNotFoundError(f"no {_ABOUT} in {folder}: give the folder of a feature store")
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        version, stored = content["version"], content["fingerprint"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} describes no feature store: {error}") from error
    if version != _VERSION:
        raise ValueError(
            f"{path} has version {version!r}, this program reads {_VERSION}: delete the folder or use another"
        )
    if not isinstance(stored, str):
        raise ValueError(f"{path} describes no feature store: its fingerprint is {stored!r}")
    return stored


def _open_or_create(folder: Path, fingerprint: str) -> None:
    if not (folder / _ABOUT).exists():
        with atomic_write(folder / _ABOUT) as file:
            json.dump({"version": _VERSION, "fingerprint": fingerprint}, file, indent=2)
        return
    if (stored := read_fingerprint(folder)) != fingerprint:
        raise ValueError(
            f"the feature store {folder} holds features of {stored!r}, not of {fingerprint!r}: "
            "use another folder or the extractor that made it"
        )


def _read_table(path: Path) -> dict[str, _Place]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != _HEADER:
        raise ValueError(f"{path} must begin with {','.join(_HEADER)}; delete it and its .npy and run again")
    try:
        places = {name: _Place(path.stem, int(start), int(count), float(size)) for name, start, count, size in rows[1:]}
        if any(place.start < 0 or place.num_features < 0 or not place.pixel_size > 0 for place in places.values()):
            raise ValueError("a negative number")
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and its .npy and run again") from error
    return places


def _to_rows(features_list: list[LocalFeatures]) -> NDArray[np.void]:
    dimension = features_list[0].descriptors.shape[1]
    row = np.dtype(
        [
            ("location_yx", "<f4", (2,)),
            ("score", "<f4"),
            ("scale", "<f4"),
            ("descriptor", "<f2", (dimension,)),
        ]
    )
    rows = np.zeros(sum(map(len, features_list)), dtype=row)
    rows["location_yx"] = np.concatenate([features.locations_yx for features in features_list])
    rows["score"] = np.concatenate([features.scores for features in features_list])
    rows["scale"] = np.concatenate([features.scales for features in features_list])
    # Exact: they were rounded when they were added.
    rows["descriptor"] = np.concatenate([features.descriptors for features in features_list])
    return rows


def _map_shard(path: Path) -> NDArray[np.void]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and its .csv and run again") from error
    if rows.dtype.names != _FIELDS or rows.dtype["descriptor"].base != np.dtype("<f2"):
        raise ValueError(f"{path} is damaged (it holds {rows.dtype}); delete it and its .csv and run again")
    return np.asarray(rows)

"""manifest.json and refused.csv: what a build holds and what it left out. Equal builds give equal bytes."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.schema import DETAIL, ID, MANIFEST_FILE, REASON, REFUSED_FILE, parse_shard_name

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RefusedImage:
    """A photograph that is in the catalogue and not in the shards.

    Attributes:
        id: the photograph.
        reason: a value of `image_limits.Refusal`.
        detail: one line for a person.
    """

    id: str
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """One finished shard.

    Attributes:
        name: its file, such as train-00007-of-00128.tfrecord.
        records: photographs in it.
        refused: photographs that belonged into it and were refused.
        size_bytes: of the file.
        sha256: of the file.
    """

    name: str
    records: int
    refused: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a build folder holds.

    Attributes:
        format_version: of the folder's layout.
        fingerprint: sha256 of inputs, settings, versions and shard_counts.
        inputs: sha256 of the CSV and of the labels that were given ("" if none).
        settings: see `BuildConfig.settings`.
        versions: of what decides the bytes: NumPy, OpenCV, Pillow, simplejpeg.
        shard_counts: files of each split.
        classes: number of labels.
        labels_sha256: `Labels.digest`.
        shards: all files, by name.
        refusals: photographs refused, by reason.
        attribution: of attribution.csv: sha256, records, missing, licenses; empty if there is none.
        categories: of categories.csv: sha256, named, unnamed; empty if there is none.
    """

    format_version: int
    fingerprint: str
    inputs: dict[str, str]
    settings: dict[str, Any]
    versions: dict[str, str]
    shard_counts: dict[str, int]
    classes: int
    labels_sha256: str
    shards: tuple[ShardEntry, ...]
    refusals: dict[str, int]
    attribution: dict[str, Any] = field(default_factory=dict)
    categories: dict[str, Any] = field(default_factory=dict)

    def records(self, split: str | None = None) -> int:
        """Returns the number of photographs in the shards of one split, or of all."""
        return sum(shard.records for shard in self.shards_of(split))

    def shards_of(self, split: str | None = None) -> tuple[ShardEntry, ...]:
        """Returns the shards of one split, or all."""
        return tuple(shard for shard in self.shards if split in (None, parse_shard_name(shard.name)[0]))

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, sorted."""
        return tuple(sorted({parse_shard_name(shard.name)[0] for shard in self.shards}))

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the bytes of the build; see `build_plan.build_identity`."""
        names = ("format_version", "inputs", "settings", "versions", "shard_counts")
        return {name: getattr(self, name) for name in names}

    @property
    def refused(self) -> int:
        """Number of photographs that were refused."""
        return sum(self.refusals.values())


def fingerprint_of(identity: dict[str, Any]) -> str:
    """Returns the sha256 of a build's identity."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes manifest.json, with the totals of each split for people who read it."""
    content = asdict(manifest)
    content["splits"] = {
        split: {"records": manifest.records(split), "shards": len(manifest.shards_of(split))}
        for split in manifest.splits
    }
    write_json(folder / MANIFEST_FILE, content)


def read_manifest(folder: Path | str) -> Manifest:
    """Returns the manifest of a build folder.

    Raises:
        FileNotFoundError: there is none: the build is not finished or the folder holds none.
        ValueError: the file is damaged or of another version.
    """
    path = Path(folder) / MANIFEST_FILE
    if not path.is_file():
        raise FileNotFoundError(f"no {MANIFEST_FILE} in {folder}: the build is unfinished, or this is no build folder")
    content = read_object(path, "build the shards again")
    if content.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"{path} is not of format version {FORMAT_VERSION}; build the shards again")
    try:
        shards = tuple(ShardEntry(**shard) for shard in content["shards"])
        content = {"attribution": {}, "categories": {}, **content}
        wanted = {each.name: content[each.name] for each in fields(Manifest)}
        for shard in shards:
            parse_shard_name(shard.name)
        return Manifest(**{**wanted, "shards": shards})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def count_reasons(refused: Iterable[RefusedImage]) -> dict[str, int]:
    """Returns how many photographs were refused for each reason, sorted by reason."""
    return dict(sorted(Counter(image.reason for image in refused).items()))


def write_refused(folder: Path, refused: Iterable[RefusedImage]) -> None:
    """Writes refused.csv (id, reason, detail), sorted by id; a build without refusals has its header only."""
    with atomic_write(folder / REFUSED_FILE, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((ID, REASON, DETAIL))
        writer.writerows(sorted((image.id, image.reason, image.detail) for image in refused))

"""Matches many pairs whose features lie in a store: in parallel, and resumable by parts.

While the work goes on, `parts-NAME/000000.csv` beside the features holds matches,inliers,spread of the first pairs, and
so on, NAME being a hash of the pairs and settings. At the end the parts are removed: scores that a later run finds can
hardly be those of an older version of this program.
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from delf_verify.config import VerifyConfig
from delf_verify.evidence import PairMatch, match_images
from delf_verify.feature_store import FeatureStore
from delf_verify.features import LocalFeatures
from delf_verify.matching import AggregatedIndex
from delf_verify.pair_files import Pair
from delf_verify.parallel import ordered_map
from tfrecords_builder import terminal
from tfrecords_builder.atomic import atomic_write

# Raised whenever the same features and settings would give other scores.
_VERSION = 2
# A part is the unit of work and of resuming: about a second of it.
_PAIRS_PER_PART = 32


class PairScore(NamedTuple):
    """How two photographs match; see `delf_verify.evidence.ImageEvidence`."""

    matches: int
    inliers: int
    spread: float


def match_features(first: LocalFeatures, second: LocalFeatures, config: VerifyConfig) -> PairMatch:
    """The matches of two images, the second of which is an index of one image."""
    return match_images(first, AggregatedIndex(["second"], [second]), config)[0]


def match_stored(pairs: Sequence[Pair], store: FeatureStore, config: VerifyConfig, *, workers: int) -> list[PairScore]:
    """The scores of pairs of images whose features lie in a store, in the order of the pairs.

    Args:
        pairs: image ids.
        store: holds all of them; its folder keeps finished parts until all are finished.
        config: matching and geometry.
        workers: processes; the scores do not depend on them.

    Raises:
        ValueError: the store or a part is damaged.
        OSError: the store's folder cannot be written.
        RuntimeError: a worker process died.
    """
    content = json.dumps([_VERSION, store.fingerprint, config.evidence_settings(), list(pairs)], sort_keys=True)
    name = hashlib.sha256(content.encode()).hexdigest()[:16]
    parts = store.folder / f"parts-{name}"
    for old in store.folder.glob("parts-*"):
        if old != parts:
            shutil.rmtree(old)
    chunks = [pairs[start : start + _PAIRS_PER_PART] for start in range(0, len(pairs), _PAIRS_PER_PART)]
    files = [parts / f"{number:06d}.csv" for number in range(len(chunks))]
    waiting = [number for number, file in enumerate(files) if not file.exists()]
    with terminal.progress("match", len(pairs), unit="pairs") as bar:
        bar.skip(len(pairs) - sum(len(chunks[number]) for number in waiting))
        make_work = _MakeWork(store.folder, store.fingerprint, config)
        with ordered_map(make_work, [chunks[number] for number in waiting], workers=workers) as results:
            for number, scores in zip(waiting, results, strict=True):
                _write(files[number], scores)
                bar.advance(len(scores))
    scores = [score for file, chunk in zip(files, chunks, strict=True) for score in _read(file, len(chunk))]
    if parts.exists():
        shutil.rmtree(parts)
    return scores


@dataclass(frozen=True)
class _MakeWork:
    """Builds `_Work` within a worker process."""

    folder: Path
    fingerprint: str
    config: VerifyConfig

    def __call__(self) -> "_Work":
        return _Work(FeatureStore(self.folder, self.fingerprint), self.config)


@dataclass(frozen=True)
class _Work:
    store: FeatureStore
    config: VerifyConfig

    def __call__(self, pairs: Sequence[Pair]) -> list[PairScore]:
        return [self._score(first, second) for first, second in pairs]

    def _score(self, first: str, second: str) -> PairScore:
        match = match_features(self.store.get(first), self.store.get(second), self.config)
        return PairScore(len(match.putative), match.geometry.num_inliers, match.spread)


def _write(path: Path, scores: Iterable[PairScore]) -> None:
    with atomic_write(path, newline="") as file:
        # repr finds the same number again.
        csv.writer(file, lineterminator="\n").writerows((*score[:2], repr(float(score.spread))) for score in scores)


def _read(path: Path, count: int) -> list[PairScore]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            scores = [PairScore(int(row[0]), int(row[1]), float(row[2])) for row in csv.reader(file)]
        if len(scores) != count:
            raise ValueError(f"{len(scores)} pairs instead of {count}")
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and run again") from error
    return scores

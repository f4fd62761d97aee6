"""Compares many queries with the index images of their predicted landmarks: parallel, and resumable by parts."""

import csv
import hashlib
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from delf_verify.config import VerifyConfig
from delf_verify.evidence import ImageEvidence, QueryEvidence, verify_query
from delf_verify.feature_store import FeatureStore
from delf_verify.matching import AggregatedIndex
from delf_verify.parallel import ordered_map
from tfrecords_builder import terminal
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID

# A part is the unit of resuming and of work: large enough to share a landmark's index, small enough to lose.
_QUERIES_PER_PART = 16

Evidence = dict[tuple[str, int], QueryEvidence]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """Queries of one predicted landmark and the index images that each of them is compared with.

    Attributes:
        landmark_id: the landmark.
        query_ids: at most _QUERIES_PER_PART queries.
        image_ids: sorted.
    """

    landmark_id: int
    query_ids: tuple[str, ...]
    image_ids: tuple[str, ...]


def choose_index_images(index: pd.DataFrame, limit: int | None) -> dict[int, tuple[str, ...]]:
    """The index images of every landmark, sorted by id; at most `limit` of them.

    A limited choice takes the smallest hashes of the ids: it depends on the ids alone, is spread evenly whatever the
    ids mean, and another photograph in the index changes it by at most one image.

    Args:
        index: columns id and landmark_id.
        limit: None takes all.
    """
    images: dict[int, tuple[str, ...]] = {}
    for landmark_id, rows in index[index[LANDMARK] != NO_LANDMARK_ID].groupby(LANDMARK)[ID]:
        ids = sorted(rows, key=_hash)[:limit] if limit is not None else list(rows)
        images[int(str(landmark_id))] = tuple(sorted(ids))
    return images


def _hash(image_id: str) -> str:
    return hashlib.sha256(image_id.encode()).hexdigest()


def plan_comparisons(
    predictions: pd.DataFrame, images: Mapping[int, Sequence[str]], unreadable: frozenset[str]
) -> list[Comparison]:
    """What has to be compared, landmark by landmark.

    Args:
        predictions: columns id and landmark_id.
        images: the index images of every landmark that can be compared.
        unreadable: queries that cannot.
    """
    comparisons = []
    for landmark_id, rows in predictions.groupby(LANDMARK)[ID]:
        number = int(str(landmark_id))
        queries = [query for query in rows if query not in unreadable]
        if not images.get(number):
            continue
        for start in range(0, len(queries), _QUERIES_PER_PART):
            chunk = tuple(queries[start : start + _QUERIES_PER_PART])
            comparisons.append(Comparison(number, chunk, tuple(images[number])))
    return comparisons


class CompareWork:
    """Compares; lives in a worker process and keeps the index of the last landmark.

    Args:
        queries: features of the queries.
        index: features of the index images.
        config: matching and geometry.
    """

    def __init__(self, queries: FeatureStore, index: FeatureStore, config: VerifyConfig) -> None:
        self._queries, self._index, self._config = queries, index, config
        self._last: tuple[tuple[str, ...], AggregatedIndex] | None = None

    def __call__(self, comparison: Comparison) -> list[tuple[str, QueryEvidence]]:
        """The evidence on each of the queries."""
        return [
            (query, verify_query(self._queries.get(query), self.index_of(query, comparison.image_ids), self._config))
            for query in comparison.query_ids
        ]

    def index_of(self, query_id: str, image_ids: tuple[str, ...]) -> AggregatedIndex:
        """The landmark's index, without the query itself should it be part of it."""
        if query_id in image_ids:
            # A photograph confirms itself with all its features and says nothing about the landmark.
            return self._load(tuple(image_id for image_id in image_ids if image_id != query_id))
        if self._last is None or self._last[0] != image_ids:
            self._last = image_ids, self._load(image_ids)
        return self._last[1]

    def _load(self, image_ids: tuple[str, ...]) -> AggregatedIndex:
        return AggregatedIndex(image_ids, [self._index.get(image_id) for image_id in image_ids])


@dataclass(frozen=True)
class MakeCompareWork:
    """Builds `CompareWork` within a worker process.

    Attributes:
        query_features: folder of the queries' feature store.
        index_features: folder of the index images' feature store.
        fingerprint: of the extractor.
        config: matching and geometry.
    """

    query_features: Path
    index_features: Path
    fingerprint: str
    config: VerifyConfig

    def __call__(self) -> CompareWork:
        """See the class."""
        queries, index = (FeatureStore(path, self.fingerprint) for path in (self.query_features, self.index_features))
        return CompareWork(queries, index, self.config)


def compare(
    comparisons: Sequence[Comparison], make_work: MakeCompareWork, *, folder: Path, fingerprint: str, workers: int
) -> Evidence:
    """The evidence on every (query, landmark); finished parts lie in `folder` until `forget_parts`.

    Args:
        comparisons: from `plan_comparisons`.
        make_work: what compares.
        folder: for the parts.
        fingerprint: of everything that the evidence depends on; parts of another one are removed.
        workers: processes.

    Raises:
        RuntimeError: a worker process died.
    """
    parts = folder / f"parts-{fingerprint[:16]}"
    forget_parts(folder, but=parts)
    names = [parts / f"{number:06d}.csv" for number in range(len(comparisons))]
    waiting = [number for number, name in enumerate(names) if not name.exists()]
    total = sum(len(comparison.query_ids) for comparison in comparisons)
    with terminal.progress("verify", total, unit="predictions") as bar:
        bar.skip(total - sum(len(comparisons[number].query_ids) for number in waiting))
        with ordered_map(make_work, [comparisons[number] for number in waiting], workers=workers) as results:
            for number, found in zip(waiting, results, strict=True):
                _write_part(names[number], found)
                bar.advance(len(found))
    evidence: Evidence = {}
    for name, comparison in zip(names, comparisons, strict=True):
        found_images = _read_part(name)
        for query in comparison.query_ids:
            evidence[query, comparison.landmark_id] = QueryEvidence.of(tuple(found_images.get(query, ())))
    return evidence


def forget_parts(folder: Path, *, but: Path | None = None) -> None:
    """Removes the parts of finished or outdated work."""
    for old in folder.glob("parts-*"):
        if old != but:
            shutil.rmtree(old)


def _write_part(path: Path, found: Sequence[tuple[str, QueryEvidence]]) -> None:
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(
            (query, image.image_id, image.num_putative, image.num_inliers, image.spread)
            for query, evidence in found
            for image in evidence.images
        )


def _read_part(path: Path) -> dict[str, list[ImageEvidence]]:
    found: dict[str, list[ImageEvidence]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for query, image_id, num_putative, num_inliers, spread in csv.reader(file):
            image = ImageEvidence(image_id, int(num_putative), int(num_inliers), float(spread))
            found.setdefault(query, []).append(image)
    return found

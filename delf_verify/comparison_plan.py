"""What is compared with what: the index images of every prediction, and the pieces of work."""

import hashlib
import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import pandas as pd

from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID, SCORE

# Queries that share a landmark's index, and pairs that are lost at most when a run is killed (about 4 s of one core).
_QUERIES_AT_ONCE = 16
_PAIRS_PER_PART = 1000


@dataclass(frozen=True)
class Comparison:
    """Queries of one predicted landmark and the index images that each of them is compared with.

    Attributes:
        landmark_id: the landmark.
        query_ids: at most _QUERIES_AT_ONCE queries.
        image_ids: in the order in which they are compared.
        scores: the predictions' scores where they decide when to stop, else none.
    """

    landmark_id: int
    query_ids: tuple[str, ...]
    image_ids: tuple[str, ...]
    scores: tuple[float, ...] = ()

    @property
    def num_pairs(self) -> int:
        """Of a query and an index image."""
        return len(self.query_ids) * len(self.image_ids)


@dataclass(frozen=True)
class IndexChoice:
    """The index images of every prediction.

    Attributes:
        by_landmark: for every landmark with index images.
        by_prediction: for a query and landmark that has images of its own.
    """

    by_landmark: Mapping[int, tuple[str, ...]]
    by_prediction: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)

    def of(self, query_id: str, landmark_id: int) -> tuple[str, ...]:
        """The images of a prediction; none where its landmark has none."""
        own = self.by_prediction.get((query_id, landmark_id))
        return self.by_landmark.get(landmark_id, ()) if own is None else own


def choose_index_images(
    index: pd.DataFrame, limit: int | None, own: Mapping[tuple[str, int], Sequence[str]] | None = None
) -> IndexChoice:
    """The index images of every landmark, at most `limit` of them.

    A limited choice takes the smallest hashes of the ids: it depends on the ids alone, is spread evenly whatever the
    ids mean, and another photograph in the index changes it by at most one image.

    Args:
        index: columns id and landmark_id.
        limit: None takes all.
        own: for some (query, landmark) the images to take instead, best first, for example the most similar ones.
            They are compared in this order, all others in that of their ids.

    Raises:
        ValueError: an image of `own` is not one of that landmark, or is named twice.
    """
    images, every = {}, {}
    for landmark_id, rows in index[index[LANDMARK] != NO_LANDMARK_ID].groupby(LANDMARK)[ID]:
        number = int(str(landmark_id))
        every[number] = frozenset(rows)
        images[number] = tuple(sorted(sorted(rows, key=_hash)[:limit] if limit is not None else rows))
    chosen = {}
    for (query_id, landmark_id), ids in (own or {}).items():
        strangers = [image_id for image_id in ids if image_id not in every.get(landmark_id, ())]
        if strangers or len(set(ids)) != len(ids):
            raise ValueError(
                f"images chosen for query {query_id!r} and landmark {landmark_id}: {(strangers or list(ids))[:3]} "
                "are repeated or are no index images of that landmark"
            )
        chosen[query_id, landmark_id] = tuple(ids[:limit])
    return IndexChoice(images, chosen)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def plan_comparisons(
    predictions: pd.DataFrame,
    choice: IndexChoice,
    unreadable: Mapping[str, Container[str]],
    *,
    with_scores: bool = False,
) -> list[Comparison]:
    """What has to be compared, landmark by landmark.

    Args:
        predictions: columns id, landmark_id and score.
        choice: the index images of every prediction.
        unreadable: the "query" and the "index" photographs that cannot be read.
        with_scores: the comparisons carry the scores.
    """
    comparisons: list[Comparison] = []
    for landmark_id, rows in predictions.groupby(LANDMARK):
        number = int(str(landmark_id))
        groups: dict[tuple[str, ...], list[tuple[str, float]]] = {}
        for query_id, score in zip(rows[ID], rows[SCORE], strict=True):
            if query_id not in unreadable["query"]:
                groups.setdefault(choice.of(query_id, number), []).append((query_id, float(score)))
        for images, queries in groups.items():
            readable = tuple(image_id for image_id in images if image_id not in unreadable["index"])
            comparisons += _cut(number, queries, readable, with_scores=with_scores) if readable else []
    return comparisons


def _cut(
    landmark_id: int, queries: list[tuple[str, float]], images: tuple[str, ...], *, with_scores: bool
) -> Iterator[Comparison]:
    step = min(_QUERIES_AT_ONCE, max(1, _PAIRS_PER_PART // len(images)))
    for start in range(0, len(queries), step):
        ids, scores = zip(*queries[start : start + step], strict=True)
        yield Comparison(landmark_id, ids, images, scores if with_scores else ())


def cut_into_parts(plan: Sequence[Comparison]) -> list[tuple[Comparison, ...]]:
    """The plan in pieces of about _PAIRS_PER_PART pairs: what is written at once and lost at most."""
    parts: list[tuple[Comparison, ...]] = []
    part: list[Comparison] = []
    pairs = 0
    for comparison in plan:
        if part and pairs + comparison.num_pairs > _PAIRS_PER_PART:
            parts.append(tuple(part))
            part, pairs = [], 0
        part.append(comparison)
        pairs += comparison.num_pairs
    return [*parts, tuple(part)] if part else parts


def plan_digest(plan: Sequence[Comparison]) -> str:
    """sha256 of what is compared with what, however it is cut into pieces of work."""
    digest = hashlib.sha256()
    for one in plan:
        images = _hash(json.dumps(one.image_ids))
        for query_id, score in zip_longest(one.query_ids, one.scores):
            digest.update(json.dumps([one.landmark_id, query_id, score, images]).encode())
    return digest.hexdigest()


def layout_digest(parts: Sequence[Sequence[Comparison]]) -> str:
    """sha256 of how a plan is cut."""
    return _hash(json.dumps([[len(comparison.query_ids) for comparison in part] for part in parts]))

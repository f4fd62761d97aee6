"""From similar photographs to landmarks: sums, kNN votes, and blending with a classifier's probabilities."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfland.recognition.cosine import Floats, Integers
from tfland.recognition.search import BLOCK_BYTES, top_k


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Scored landmarks of many queries, ordered by query, then score descending, then landmark.

    Attributes:
        query_rows: [M] int64, ascending.
        landmark_ids: [M] int64; a query has each landmark at most once.
        scores: [M] float32.
    """

    query_rows: Integers
    landmark_ids: Integers
    scores: NDArray[np.float32]

    @classmethod
    def sort(cls, query_rows: Integers, landmark_ids: Integers, scores: Floats) -> "Candidates":
        """Puts candidates in any order into theirs."""
        scores = np.asarray(scores, np.float32)
        order = np.lexsort((landmark_ids, -scores, query_rows))
        return cls(query_rows=query_rows[order], landmark_ids=landmark_ids[order], scores=scores[order])

    def __len__(self) -> int:
        return len(self.query_rows)

    def best(self, count: int = 1) -> "Candidates":
        """The first `count` of each query."""
        rank = np.arange(len(self)) - np.searchsorted(self.query_rows, self.query_rows)
        keep = rank < count
        return Candidates(
            query_rows=self.query_rows[keep], landmark_ids=self.landmark_ids[keep], scores=self.scores[keep]
        )

    def less(self, penalties: Floats) -> "Candidates":
        """The same with a number for each query [Q] subtracted from its scores; the order within a query stays."""
        return replace(
            self, scores=(self.scores - np.asarray(penalties, np.float64)[self.query_rows]).astype(np.float32)
        )


def sum_by_landmark(scores: Floats, rows: Integers, landmark_ids: Integers) -> Candidates:
    """Sums the scores of each query's photographs by landmark (seed 001, section 2.4, step 4).

    Args:
        scores: [Q, k] float.
        rows: [Q, k] int, rows of the index; -1 where there are fewer.
        landmark_ids: [N] int, the landmark of each row of the index.
    """
    found = rows >= 0
    query_rows = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)[found]
    landmarks, values = landmark_ids[rows[found]].astype(np.int64), scores[found].astype(np.float64)
    # Stable: within a landmark the terms keep falling, so that their float64 sum has one order.
    order = np.lexsort((landmarks, query_rows))
    query_rows, landmarks, values = query_rows[order], landmarks[order], values[order]
    first = np.ones(len(values), bool)
    first[1:] = (query_rows[1:] != query_rows[:-1]) | (landmarks[1:] != landmarks[:-1])
    starts = np.flatnonzero(first)
    sums = np.add.reduceat(values, starts) if len(starts) else values
    return Candidates.sort(query_rows[starts], landmarks[starts], sums)


def knn(
    queries: Floats,
    index: Floats,
    landmark_ids: Integers,
    *,
    neighbors: int = 5,
    power: float = 1.0,
    engine: str = "auto",
    block_bytes: int = BLOCK_BYTES,
) -> Candidates:
    """Landmarks by the sum of max(cosine, 0) ** power over the most similar photographs.

    Power 8 with 5 neighbours is what the third of the 2020 challenge published (PEERS.md, lesson b).

    Args:
        queries: [Q, E], any float type and length.
        index: [N, E], likewise.
        landmark_ids: [N] int.
        neighbors: photographs that vote.
        power: at least 0.
        engine: of the search.
        block_bytes: memory of the search, in bytes.

    Raises:
        ValueError: an option is out of range, or a row cannot be compared.
    """
    scores, rows = top_k(queries, index, neighbors, engine=engine, block_bytes=block_bytes)
    return vote(scores, rows, landmark_ids, power)


def vote(cosines: Floats, rows: Integers, landmark_ids: Integers, power: float) -> Candidates:
    """Sums max(cosine, 0) ** power of each query's photographs by landmark; arguments as of `sum_by_landmark`.

    Raises:
        ValueError: the power is negative.
    """
    if power < 0:
        raise ValueError(f"the power of a vote must not be negative, got {power}")
    return sum_by_landmark(np.maximum(cosines, 0).astype(np.float64) ** power, rows, landmark_ids)


def blend(
    neighbors: Candidates, head: Candidates, *, neighbor_power: float = 1.0, head_power: float = 1.0
) -> Candidates:
    """Landmarks of the neighbours by neighbour score ** a times the head's probability ** b.

    A landmark that the head's list for the query lacks takes the list's smallest probability, which bounds its own.

    Args:
        neighbors: of `knn`; negative scores count as 0.
        head: the classifier's most probable landmarks of each query; at least one for every query of `neighbors`.
        neighbor_power: a.
        head_power: b.

    Raises:
        ValueError: a query has no probability, or a power is negative.
    """
    if min(neighbor_power, head_power) < 0:
        raise ValueError(f"powers must not be negative, got {neighbor_power} and {head_power}")
    listed = np.isin(neighbors.query_rows, head.query_rows)
    if not listed.all():
        row = neighbors.query_rows[~listed][0]
        raise ValueError(f"query {row} has neighbours and no probability; predict the same queries with both")
    # The head's rows fall by score, so that the last of each query is its smallest.
    smallest = head.scores[np.searchsorted(head.query_rows, neighbors.query_rows, side="right") - 1]
    known = pd.Series(head.scores, pd.MultiIndex.from_arrays([head.query_rows, head.landmark_ids]))
    wanted = pd.MultiIndex.from_arrays([neighbors.query_rows, neighbors.landmark_ids])
    probabilities = known.reindex(wanted).to_numpy(np.float64)
    probabilities = np.where(np.isnan(probabilities), smallest, probabilities)
    scores = np.maximum(neighbors.scores, 0).astype(np.float64) ** neighbor_power * probabilities**head_power
    return Candidates.sort(neighbors.query_rows, neighbors.landmark_ids, scores)


def penalise_frequent(candidates: Candidates, *, more_than: int = 20, penalty: float = 1.0) -> Candidates:
    """Subtracts a number from the scores of landmarks that are the best of suspiciously many queries.

    "A label predicted more than 20 times in a test set is usually a non-landmark": second of the 2020 challenge.

    Args:
        candidates: of all queries of a test set.
        more_than: a landmark that is the best of more queries than this is penalised.
        penalty: what is subtracted, in units of the score; at least 0.

    Raises:
        ValueError: an option is out of range.
    """
    if more_than < 0 or penalty < 0:
        raise ValueError(f"more_than is {more_than} and penalty is {penalty}; neither may be negative")
    landmarks, counts = np.unique(candidates.best().landmark_ids, return_counts=True)
    frequent = np.isin(candidates.landmark_ids, landmarks[counts > more_than])
    scores = candidates.scores - penalty * frequent
    return Candidates.sort(candidates.query_rows, candidates.landmark_ids, scores)

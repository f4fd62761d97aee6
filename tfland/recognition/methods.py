"""From what the networks said to ranked landmarks: the head, the neighbours, both, or the winner's ranking."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tfland.recognition.embeddings import Embeddings
from tfland.recognition.observe import Observations
from tfland.recognition.partition import class_factors, merge_best
from tfland.recognition.ranking import rank
from tfland.recognition.submission import rank_candidates
from tfland.recognition.system import Member, System
from tfland.recognition.voting import Candidates, blend, knn, penalise_frequent
from tfrecords_builder import schema

# Probabilities that are in memory at once, as float32.
_BLOCK_BYTES = 1 << 27
# The head's landmarks that "blend" looks at.
_HEAD_LANDMARKS = 100
# With a penalty on frequent landmarks another one can become the best.
_SPARE = 5


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What is asked of each classifier.

    Attributes:
        system: the models and the method.
        seen: what its observers said.
        rows: [M] int64, the queries that passed the gate.
        count: candidates a query.
        allowed: landmarks that may be predicted, None for all.
    """

    system: System
    seen: Observations
    rows: np.ndarray
    count: int
    allowed: np.ndarray | None


def recognise(
    system: System, seen: Observations, *, candidates: int = 1, landmarks: Collection[int] | None = None
) -> pd.DataFrame:
    """Returns the best landmarks of every query that passed the gate.

    Args:
        system: the models and the method.
        seen: what `observe` returned for its observers.
        candidates: landmarks a query, at most.
        landmarks: the only ones that may be predicted, such as those of a test set (the host's rule in 2020); None
            allows all.

    Returns:
        Columns id, landmark_id and score, best first within a query, in the order of the queries. The score is the
        method's, or with an isotonic calibration the probability of being right.

    Raises:
        ValueError: candidates is not positive, or no landmark that may be predicted is known.
    """
    if candidates < 1:
        raise ValueError(f"candidates is {candidates}; give at least 1")
    rows, config = seen.seen, system.config
    wanted = max(candidates, _SPARE) if config.max_queries_per_label else candidates
    allowed = None if landmarks is None else np.unique(np.array(list(landmarks), dtype=np.int64))
    method, factors = _METHODS[config.method], class_factors([len(member.landmark_ids) for member in system.members])
    members = [member for member in system.members if _knows(member, allowed, config.method)]
    if not members:
        raise ValueError(
            f"none of the {0 if allowed is None else len(allowed)} landmarks allowed is known; give others"
        )
    question = _Question(system=system, seen=seen, rows=rows, count=wanted, allowed=allowed)
    parts = [method(question, member, factors[member.number]) for member in members]
    found = merge_best(parts) if len(parts) > 1 else parts[0]
    found = found.best(wanted)
    if config.max_queries_per_label:
        found = penalise_frequent(found, more_than=config.max_queries_per_label, penalty=config.label_penalty)
    found = found.best(candidates)
    scores = found.scores.astype(np.float64)
    if system.calibration is not None:
        scores = system.calibration.apply(scores)
    ids = np.array(seen.ids, dtype=object)[rows[found.query_rows]]
    return pd.DataFrame({schema.ID: ids, schema.LANDMARK: found.landmark_ids, schema.SCORE: scores})


def head_probabilities(member: Member, seen: Observations, rows: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Returns the mean probability of every class over the models of a classifier: [len(rows), C] float32."""
    parts = [
        model.probabilities_of(seen.vectors[member.head_name(number)][rows], temperature)
        for number, model in enumerate(member.models)
    ]
    return parts[0] if len(parts) == 1 else np.mean(parts, axis=0)


def row_blocks(member: Member, rows: np.ndarray) -> list[np.ndarray]:
    """Divides queries so that their probabilities fit into memory."""
    size = max(1, _BLOCK_BYTES // (4 * len(member.landmark_ids) * (len(member.models) + 2)))
    return np.split(rows, range(size, len(rows), size))


def _knows(member: Member, allowed: np.ndarray | None, method: str) -> bool:
    """Whether a classifier has a landmark that may be predicted."""
    if allowed is None:
        return True
    known = member.landmark_ids if method == "head" else _landmarks_of(member.index[0])
    return bool(np.isin(allowed, known).any())


def _head(question: _Question, member: Member, factor: float) -> Candidates:
    columns = np.arange(len(member.landmark_ids))
    if question.allowed is not None:
        columns = np.flatnonzero(np.isin(member.landmark_ids, question.allowed))
    landmark_ids, temperature = member.landmark_ids[columns], question.system.temperature(member)
    best = []
    for block in row_blocks(member, question.rows):
        probabilities = head_probabilities(member, question.seen, block, temperature)
        best.append(rank_candidates(probabilities[:, columns], landmark_ids, question.count))
    marks, scores = (np.concatenate(part) for part in zip(*best, strict=True))
    query_rows = np.repeat(np.arange(len(question.rows), dtype=np.int64), marks.shape[1])
    return Candidates(
        query_rows=query_rows, landmark_ids=marks.ravel(), scores=(scores.ravel() * factor).astype(np.float32)
    )


def _knn(question: _Question, member: Member, _factor: float) -> Candidates:
    settings, ranking = question.system.config.neighbors, question.system.config.ranking
    votes = [
        knn(
            queries,
            vectors,
            landmark_ids,
            neighbors=settings.count,
            power=settings.power,
            engine=ranking.engine,
            block_bytes=ranking.block_bytes,
        )
        for queries, (vectors, landmark_ids) in zip(_queries(question, member), _index(question, member), strict=True)
    ]
    return votes[0] if len(votes) == 1 else _added(votes)


def _blend(question: _Question, member: Member, factor: float) -> Candidates:
    votes = _knn(question, member, factor)
    # Unfiltered: what the head gives a landmark does not depend on which ones may be predicted.
    head = _head(replace(question, count=_HEAD_LANDMARKS, allowed=None), member, factor)
    return blend(votes, head, head_power=question.system.config.neighbors.head_power)


def _ranked(question: _Question, member: Member, _factor: float) -> Candidates:
    index = _index(question, member)
    pools = [pool.vectors for pool in member.non_landmarks] or None
    config = question.system.config.ranking
    return rank(_queries(question, member), [vectors for vectors, _ in index], index[0][1], pools, config)


def _queries(question: _Question, member: Member) -> list[np.ndarray]:
    vectors = [question.seen.vectors[member.neighbors_name(number)] for number in range(len(member.models))]
    return [part if len(question.rows) == len(part) else part[question.rows] for part in vectors]


def _index(question: _Question, member: Member) -> list[tuple[np.ndarray, np.ndarray]]:
    """The vectors and landmark ids of the index of each model, without the landmarks that may not be predicted."""
    parts = member.index
    if question.allowed is not None:
        parts = [part.restrict(question.allowed.tolist()) for part in parts]
    return [(part.vectors, _landmarks_of(part)) for part in parts]


def _landmarks_of(index: Embeddings) -> np.ndarray:
    if index.landmark_ids is None:
        raise ValueError("the photographs of an index have landmarks; these have none")
    return index.landmark_ids


def _added(votes: Sequence[Candidates]) -> Candidates:
    """The votes of several models together."""
    rows, marks, scores = (
        np.concatenate([getattr(part, name) for part in votes]) for name in ("query_rows", "landmark_ids", "scores")
    )
    pairs, places = np.unique(np.stack([rows, marks], axis=1), axis=0, return_inverse=True)
    sums = np.bincount(places.ravel(), weights=scores, minlength=len(pairs)).astype(np.float64)
    return Candidates.sort(pairs[:, 0], pairs[:, 1], sums)


_Rank = Callable[[_Question, Member, float], Candidates]
_METHODS: dict[str, _Rank] = {"head": _head, "knn": _knn, "blend": _blend, "ranked": _ranked}

"""The ranking of the 2020 winner: landmarks by similar photographs, penalised by similarity to non-landmarks.

Henkel & Singer 2020, "Supporting large-scale image recognition with out-of-domain samples" (seed 001), sections 2.4 and
2.5. Clipping the similarities to [0, 1] before step 3 is in the authors' published code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.cosine import Floats, Integers
from tfland.recognition.quantiles import QuantileTransform
from tfland.recognition.search import BLOCK_BYTES, ENGINES, top_k
from tfland.recognition.voting import Candidates, sum_by_landmark

ENSEMBLES = ("concat", "per_model")


@dataclass(frozen=True, kw_only=True)
class RankingConfig:
    """What the ranking does; the defaults are the winner's.

    Attributes:
        quantile: bring every dimension to a normal distribution that is fitted on the queries.
        quantile_seed: draws the queries that are fitted on, where there are more than 10,000.
        index_penalty: steps 2 and 3, B: subtract from each similarity how similar the index photograph is to
            non-landmarks.
        index_neighbors: non-landmarks that B averages over.
        top_index: step 4: photographs of the index whose similarities are summed by landmark.
        query_penalty: step 5, C: subtract from each sum how similar the query is to non-landmarks.
        query_neighbors: non-landmarks that C averages over.
        ensemble: of several models; "concat" puts their embeddings side by side, "per_model" sums the top
            photographs of each.
        engine: of the search; see `tfland.recognition.search`.
        block_bytes: memory of a search beside the embeddings, in bytes.
    """

    quantile: bool = True
    quantile_seed: int = 0
    index_penalty: bool = True
    index_neighbors: int = 5
    top_index: int = 3
    query_penalty: bool = True
    query_neighbors: int = 10
    ensemble: str = "concat"
    engine: str = "auto"
    block_bytes: int = BLOCK_BYTES

    def __post_init__(self) -> None:
        for name in ("index_neighbors", "top_index", "query_neighbors", "block_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"ranking.{name} must be at least 1, got {getattr(self, name)}")
        if self.quantile_seed < 0:
            raise ValueError(f"ranking.quantile_seed must not be negative, got {self.quantile_seed}")
        if self.ensemble not in ENSEMBLES:
            raise ValueError(f"ranking.ensemble must be one of {', '.join(ENSEMBLES)}, got {self.ensemble!r}")
        if self.engine not in ENGINES:
            raise ValueError(f"ranking.engine must be one of {', '.join(ENGINES)}, got {self.engine!r}")


def rank(
    queries: Sequence[Floats],
    index: Sequence[Floats],
    landmark_ids: Integers,
    non_landmarks: Sequence[Floats] | None = None,
    config: RankingConfig | None = None,
    *,
    own_rows: Integers | None = None,
) -> Candidates:
    """Returns the landmarks of each query, best first.

    Args:
        queries: one [Q, E] array for each model; rows of any length.
        index: likewise [N, E].
        landmark_ids: [N] int, the landmark of each photograph of the index.
        non_landmarks: likewise [Z, E], photographs that show no landmark; None where both penalties are off.
        config: None takes the winner's settings.
        own_rows: [Q] int, the row of each query in the non-landmarks, which its own C leaves out; -1 where it is
            none of them.

    Raises:
        ValueError: shapes or numbers of models disagree, non-landmarks are missing, or a row cannot be compared.
    """
    config = config or RankingConfig()
    parts = [np.concatenate([_unit(part) for part in parts or ()], axis=1) for parts in (queries, index)]
    pool = None if non_landmarks is None else np.concatenate([_unit(part) for part in non_landmarks], axis=1)
    if config.quantile:
        transform = QuantileTransform.fit(parts[0], seed=config.quantile_seed)
        parts = [transform(part) for part in parts]
        pool = None if pool is None else transform(pool)
    penalties = np.zeros(len(parts[1]), np.float32)
    if config.index_penalty and pool is not None:
        penalties = (
            top_k(parts[1], pool, min(config.index_neighbors, len(pool)))[0]
            .mean(axis=1, dtype=np.float64)
            .astype(np.float32)
        )
    scores, rows = top_k(parts[0], parts[1], config.top_index, penalties=penalties)
    candidates = sum_by_landmark(scores, rows, landmark_ids)
    if config.query_penalty and pool is not None:
        similar = top_k(parts[0], pool, min(config.query_neighbors, len(pool)))[0].mean(axis=1, dtype=np.float64)
        return candidates.less(similar)
    return candidates


def _unit(vectors: Floats) -> NDArray[np.float32]:
    from tfland.recognition.cosine import normalised

    return normalised(vectors, "embeddings")

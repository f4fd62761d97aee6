"""The ranking of the 2020 winner: landmarks by similar photographs, penalised by similarity to non-landmarks.

Henkel & Singer 2020, "Supporting large-scale image recognition with out-of-domain samples" (seed 001), sections 2.4 and
2.5; clipping the similarities to [0, 1] before step 3 is from their published code. The steps are searches, so that no
matrix of all pairs is ever held.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.cosine import Floats, Integers
from tfland.recognition.ranking_config import RankingConfig
from tfland.recognition.search import top_k
from tfland.recognition.search_index import SearchIndex
from tfland.recognition.spaces import Space, prepare
from tfland.recognition.voting import Candidates, sum_by_landmark


class Ranker:
    """The ranking, with all that does not depend on a single query worked out: queries can go by in parts.

    Args:
        spaces: the embeddings, of `prepare`; several where each model searches for itself.
        penalties: B of each space, of `index_penalties`.
        landmark_ids: [N] int, the landmark of each photograph of the index.
        config: the settings.
    """

    def __init__(
        self,
        spaces: Sequence[Space],
        penalties: Sequence[NDArray[np.float32]],
        landmark_ids: Integers,
        config: RankingConfig,
    ) -> None:
        self._config, self._spaces, self._landmark_ids = config, spaces, np.asarray(landmark_ids)
        self._indexes = [SearchIndex(s.index, p) for s, p in zip(spaces, penalties, strict=True)]

    def rank(self, start: int, stop: int, own_rows: Integers | None = None) -> Candidates:
        """Returns the landmarks of queries `start` to `stop`; query_rows count from 0 at `start`.

        Args:
            start: the first query.
            stop: behind the last one.
            own_rows: [stop - start] int, or None, as for `rank`.
        """
        config, found, similar = self._config, [], np.zeros(stop - start)
        for space, index in zip(self._spaces, self._indexes, strict=True):
            queries = space.queries[start:stop]
            found.append(top_k(queries, index, config.top_index, engine=config.engine, block_bytes=config.block_bytes))
            if config.query_penalty:
                similar += mean_similarity(queries, space.non_landmarks, config.query_neighbors, config, own_rows)
        scores, rows = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
        return sum_by_landmark(scores, rows, self._landmark_ids).less(similar)


def index_penalties(
    space: Space, config: RankingConfig, start: int = 0, stop: int | None = None
) -> NDArray[np.float32]:
    """B of photographs of the index (seed 001, section 2.4, step 2); zeros where it is switched off.

    Args:
        space: the embeddings.
        config: the settings.
        start: the first photograph.
        stop: behind the last; None goes to the end.

    Returns:
        [stop - start] float32.
    """
    part = space.index[start:stop]
    if not config.index_penalty:
        return np.zeros(len(part), np.float32)
    return mean_similarity(part, space.non_landmarks, config.index_neighbors, config)


def mean_similarity(
    vectors: Floats, non_landmarks: Floats, count: int, config: RankingConfig, own_rows: Integers | None = None
) -> NDArray[np.float32]:
    """The mean of each row's largest similarities to the non-landmarks: [N] float32.

    Args:
        vectors: [N, D].
        non_landmarks: [Z, D].
        count: how many; fewer where there are fewer non-landmarks.
        config: engine and memory of the search.
        own_rows: [N] int, a non-landmark that is left out for the row, or -1.
    """
    own = np.full(len(vectors), -1) if own_rows is None else own_rows
    wanted = count + bool((own >= 0).any())
    scores, rows = top_k(vectors, non_landmarks, wanted, engine=config.engine, block_bytes=config.block_bytes)
    counted = (rows >= 0) & (rows != own[:, None])
    # Not the one more that was asked for, where the row itself was not among them.
    counted &= np.cumsum(counted, axis=1) <= count
    sums = np.where(counted, scores, 0).sum(axis=1, dtype=np.float64)
    # A query whose only non-landmark is itself resembles none.
    return (sums / np.maximum(counted.sum(axis=1), 1)).astype(np.float32)


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
    spaces = prepare(queries, index, non_landmarks, config)
    if len(landmark_ids) != len(spaces[0].index):
        raise ValueError(f"the index has {len(spaces[0].index)} photographs and {len(landmark_ids)} landmark ids")
    penalties = [index_penalties(space, config) for space in spaces]
    return Ranker(spaces, penalties, landmark_ids, config).rank(0, len(queries[0]), own_rows)

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
    """The ranking with all that does not depend on a single query worked out, so that queries can go by in parts.

    Args:
        spaces: the embeddings, of `prepare`; several where each model searches for itself.
        landmark_ids: [N] int, the landmark of each photograph of the index.
        config: the settings.
        penalties: B of each space, [N] float32, where it is known from an earlier run.
    """

    def __init__(
        self,
        spaces: Sequence[Space],
        landmark_ids: Integers,
        config: RankingConfig,
        penalties: Sequence[NDArray[np.float32]] | None = None,
    ) -> None:
        self._config, self._spaces, self._landmark_ids = config, spaces, np.asarray(landmark_ids)
        self.penalties = list(penalties or (self._penalty(space) for space in spaces))
        self._indexes = [SearchIndex(s.index, p) for s, p in zip(spaces, self.penalties, strict=True)]

    def _penalty(self, space: Space) -> NDArray[np.float32]:
        """B of each photograph of the index, [N] float32; zeros where it is switched off."""
        if not self._config.index_penalty:
            return np.zeros(len(space.index), np.float32)
        return self._similarity(space, space.index, self._config.index_neighbors)

    def rank(self, start: int, stop: int, own_rows: Integers | None = None) -> Candidates:
        """Returns the landmarks of queries `start` to `stop`; query_rows count from 0 at `start`.

        Args:
            start: the first query.
            stop: behind the last one.
            own_rows: [stop - start] int, or None, as for `rank`.
        """
        found, similar = [], np.zeros(stop - start)
        for space, index in zip(self._spaces, self._indexes, strict=True):
            queries = space.queries[start:stop]
            found.append(self._search(queries, index, self._config.top_index))
            if self._config.query_penalty:
                similar += self._similarity(space, queries, self._config.query_neighbors, own_rows)
        scores, rows = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
        return sum_by_landmark(scores, rows, self._landmark_ids).less(similar)

    def _search(self, queries: Floats, index: SearchIndex, k: int) -> tuple[NDArray[np.float32], Integers]:
        return top_k(queries, index, k, engine=self._config.engine, block_bytes=self._config.block_bytes)

    def _similarity(
        self, space: Space, vectors: Floats, count: int, own_rows: Integers | None = None
    ) -> NDArray[np.float32]:
        """The mean of each row's largest similarities to the non-landmarks: [N] float32.

        Args:
            space: holds the non-landmarks.
            vectors: [N, D].
            count: how many; fewer where there are fewer non-landmarks.
            own_rows: [N] int, a non-landmark that is left out for the row, or -1.
        """
        own = np.full(len(vectors), -1) if own_rows is None else own_rows
        scores, rows = self._search(vectors, SearchIndex(space.non_landmarks), count + bool((own >= 0).any()))
        counted = (rows >= 0) & (rows != own[:, None])
        # The one more that was asked for, wherever the row itself was not among them.
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
    return Ranker(spaces, landmark_ids, config).rank(0, len(queries[0]), own_rows)

"""Which index photographs of its predicted landmark a query looks like most: those that verification compares first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tfland.recognition.cosine import pair_cosines
from tfland.recognition.embeddings import Embeddings
from tfland.recognition.index_rows import require_same_model
from tfrecords_builder.schema import ID, LANDMARK

# Pairs of a query and a photograph whose cosines are in memory at once.
_PAIRS = 1 << 20

Key = tuple[str, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class SimilarImages:
    """Ranks the index photographs of predicted landmarks by the cosine of their embeddings with the query's.

    Attributes:
        index: embeddings of the index photographs.
        queries: of the queries, by the same model.
        count: photographs a prediction at most; None ranks all.

    Raises:
        ValueError: the embeddings are of different models.
    """

    index: Embeddings
    queries: Embeddings
    count: int | None = None

    def __post_init__(self) -> None:
        require_same_model(self.index, self.queries)

    @classmethod
    def open(cls, index: Path, queries: Path, count: int | None) -> "SimilarImages":
        """Opens two folders of `tfland embed`.

        Raises:
            OSError: there are no finished embeddings.
            ValueError: they are damaged, or of different models.
        """
        return cls(index=Embeddings.load(index), queries=Embeddings.load(queries), count=count)

    def __call__(self, predictions: pd.DataFrame, photographs: pd.DataFrame) -> dict[Key, tuple[str, ...]]:
        """The index photographs of every prediction whose query has an embedding.

        Args:
            predictions: columns id and landmark_id.
            photographs: columns id and landmark_id: which index photographs a landmark has.

        Returns:
            By (query, landmark), the most similar first; of equals the smaller id. Never the query itself.
            Photographs without an embedding come last, by id.
        """
        by_landmark = {int(str(landmark)): sorted(ids) for landmark, ids in photographs.groupby(LANDMARK)[ID]}
        rows, query_rows = _rows_of(self.index), _rows_of(self.queries)
        keys = zip(predictions[ID].tolist(), predictions[LANDMARK].tolist(), strict=True)
        known = [key for key in keys if key[0] in query_rows and key[1] in by_landmark]
        found: dict[Key, tuple[str, ...]] = {}
        for block in _blocks(known, by_landmark):
            images = [[image for image in by_landmark[landmark] if image != query] for query, landmark in block]
            embedded = [[image for image in some if image in rows] for some in images]
            cosines = pair_cosines(
                self.queries.vectors,
                self.index.vectors,
                np.repeat([query_rows[query] for query, _ in block], [len(some) for some in embedded]),
                np.array([rows[image] for some in embedded for image in some], np.int64),
            )
            parts = np.split(cosines, np.cumsum([len(some) for some in embedded])[:-1])
            for key, some, every, values in zip(block, embedded, images, parts, strict=True):
                ranked = [some[place] for place in np.argsort(-values, kind="stable").tolist()]
                found[key] = tuple([*ranked, *(image for image in every if image not in rows)][: self.count])
        return found


def _rows_of(embeddings: Embeddings) -> dict[str, int]:
    return {image_id: row for row, image_id in enumerate(embeddings.ids.tolist())}


def _blocks(keys: list[Key], by_landmark: Mapping[int, list[str]]) -> Iterator[list[Key]]:
    """The predictions in blocks of about _PAIRS pairs."""
    block: list[Key] = []
    pairs = 0
    for key in keys:
        block.append(key)
        pairs += len(by_landmark[key[1]])
        if pairs >= _PAIRS:
            yield block
            block, pairs = [], 0
    if block:
        yield block

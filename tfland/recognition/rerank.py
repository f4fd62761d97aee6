"""Predictions from embeddings on disk alone, whoever made them; a run that is killed goes on where it was."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfland.recognition.embedding_files import map_vectors
from tfland.recognition.embeddings import Embeddings
from tfland.recognition.ranking import Ranker, index_penalties
from tfland.recognition.ranking_config import RankingConfig
from tfland.recognition.rerank_work import Work
from tfland.recognition.search import top_k
from tfland.recognition.spaces import Space, prepare
from tfland.recognition.submission import write_candidates, write_submission
from tfland.recognition.voting import Candidates, vote
from tfrecords_builder import schema
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.terminal import progress

logger = logging.getLogger(__name__)


# Queries and photographs of the index between two writes: what a kill can cost.
_QUERIES, _INDEX_ROWS = 16_384, 65_536


@dataclass(frozen=True, kw_only=True)
class RerankConfig:
    """What `tfland rerank` does.

    Attributes:
        method: "ranked" (seed 001) or "knn".
        ranking: settings of "ranked"; engine, memory and ensemble hold for "knn" too, which puts models side by side.
        neighbors: photographs that vote by "knn".
        power: of a vote's cosine.
        candidates: landmarks a query, written as `id,landmark_id,score`; None writes the best in submission form.
    """

    method: str = "ranked"
    ranking: RankingConfig = field(default_factory=RankingConfig)
    neighbors: int = 5
    power: float = 8.0
    candidates: int | None = None

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(f"method must be one of {list(_METHODS)}, got {self.method!r}")
        if self.neighbors < 1 or self.power < 0 or (self.candidates is not None and self.candidates < 1):
            raise ValueError(
                f"neighbors is {self.neighbors}, power is {self.power} and candidates is {self.candidates}; "
                "give at least 1, 0 and 1"
            )


@dataclass(frozen=True, kw_only=True)
class RerankInputs:
    """Embeddings of each model, in the order of the models.

    Attributes:
        queries: the photographs to recognise.
        index: photographs whose landmark is known.
        non_landmarks: photographs that show none; none where no step needs them.
    """

    queries: Sequence[Embeddings]
    index: Sequence[Embeddings]
    non_landmarks: Sequence[Embeddings] = ()

    def __post_init__(self) -> None:
        for name, models in (("queries", self.queries), ("index", self.index), ("non-landmarks", self.non_landmarks)):
            for number, model in enumerate(models):
                if not np.array_equal(model.ids, models[0].ids):
                    raise ValueError(f"{name} of model {number} are other photographs than those of model 0")
        landmarks = self.index[0].landmark_ids if self.index else None
        if landmarks is None or (landmarks < 0).any():
            raise ValueError("the index needs a landmark for every photograph: its CSV must be id,landmark_id")

    @property
    def own_rows(self) -> NDArray[np.int64] | None:
        """[Q], the row of each query among the non-landmarks, by id; -1 where it is none of them."""
        if not self.non_landmarks:
            return None
        return pd.Index(self.non_landmarks[0].ids).get_indexer(pd.Index(self.queries[0].ids)).astype(np.int64)


def rerank_to_file(inputs: RerankInputs, out: Path, config: RerankConfig) -> int:
    """Writes predictions and returns the number of queries.

    Beside `out`, a folder OUT.work holds what is finished: float32 embeddings as they are compared, penalties, and
    candidates of parts of the queries. It goes when the predictions are written; OUT.json, which says of what they are,
    stays.

    Args:
        inputs: the embeddings.
        out: the CSV.
        config: the settings.

    Raises:
        ValueError: embeddings do not belong together, or a row cannot be compared.
        OSError: a file cannot be written.
    """
    count, identity = len(inputs.queries[0]), _identity(inputs, config)
    receipt, form = out.with_name(f"{out.name}.json"), {**identity, "candidates": config.candidates}
    if out.exists() and receipt.exists() and read_object(receipt) == {**form, "sha256": _sha256(out)}:
        logger.info("%s holds these predictions already", out)
        return count
    work = Work(out.with_name(f"{out.name}.work"), identity)
    score = _METHODS[config.method](inputs, config, work)
    parts = []
    with progress("rerank", count, "queries") as state:
        for start in range(0, count, _QUERIES):
            stop = min(start + _QUERIES, count)
            found = work.candidates(start)
            (state.advance if found is None else state.skip)(stop - start)
            found = work.keep_candidates(start, score(start, stop)) if found is None else found
            parts.append((start, found.best(config.candidates or 1)))
    _write(inputs.queries[0].ids, parts, out, config)
    write_json(receipt, {**form, "sha256": _sha256(out)})
    work.remove()
    return count


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ranked(inputs: RerankInputs, config: RerankConfig, work: Work) -> Callable[[int, int], Candidates]:
    pool = [model.vectors for model in inputs.non_landmarks]
    spaces = prepare([m.vectors for m in inputs.queries], [m.vectors for m in inputs.index], pool, config.ranking, work)
    landmarks, own = np.asarray(inputs.index[0].landmark_ids), inputs.own_rows
    penalties = [_penalties(number, space, config.ranking, work) for number, space in enumerate(spaces)]
    ranker = Ranker(spaces, penalties, landmarks, config.ranking)
    return lambda start, stop: ranker.rank(start, stop, None if own is None else own[start:stop])


def _penalties(number: int, space: Space, config: RankingConfig, work: Work) -> NDArray[np.float32]:
    if not config.index_penalty:
        return index_penalties(space, config)
    count, parts = len(space.index), []
    with progress("similarity of the index to non-landmarks", count, "photographs") as state:
        for start in range(0, count, _INDEX_ROWS):
            stop = min(start + _INDEX_ROWS, count)
            name = f"penalties-{number}-{start}"
            found = work.finished(name)
            if found is None:
                found = work.keep(name, index_penalties(space, config, start, stop))
                state.advance(stop - start)
            else:
                state.skip(stop - start)
            parts.append(found)
    return np.concatenate(parts)


def _knn(inputs: RerankInputs, config: RerankConfig, work: Work) -> Callable[[int, int], Candidates]:
    plain = RankingConfig(quantile=False, index_penalty=False, query_penalty=False)
    (space,) = prepare([m.vectors for m in inputs.queries], [m.vectors for m in inputs.index], None, plain, work)
    landmarks, how = np.asarray(inputs.index[0].landmark_ids), config.ranking

    def score(start: int, stop: int) -> Candidates:
        found = top_k(
            space.queries[start:stop], space.index, config.neighbors, engine=how.engine, block_bytes=how.block_bytes
        )
        return vote(*found, landmarks, config.power)

    return score


_METHODS: dict[str, Callable[[RerankInputs, RerankConfig, Work], Callable[[int, int], Candidates]]] = {
    "ranked": _ranked,
    "knn": _knn,
}


def _write(ids: np.ndarray, parts: list[tuple[int, Candidates]], out: Path, config: RerankConfig) -> None:
    rows, marks, scores = (
        np.concatenate([getattr(found, name) + (start if name == "query_rows" else 0) for start, found in parts])
        for name in ("query_rows", "landmark_ids", "scores")
    )
    table = pd.DataFrame({schema.ID: ids[rows], schema.LANDMARK: marks, schema.SCORE: scores.astype(np.float64)})
    if config.candidates is None:
        write_submission(out, ids.tolist(), table)
    else:
        write_candidates(out, table)


def _identity(inputs: RerankInputs, config: RerankConfig) -> dict[str, Any]:
    """What finished parts depend on: the settings, the photographs and their embeddings."""
    digest = hashlib.sha256()
    for models in (inputs.queries, inputs.index, inputs.non_landmarks):
        for model in models:
            digest.update(repr((model.vectors.shape, str(model.vectors.dtype))).encode())
            digest.update("\n".join(model.ids.tolist()).encode())
            digest.update(b"" if model.landmark_ids is None else model.landmark_ids.tobytes())
            for start in range(0, len(model), _INDEX_ROWS):
                digest.update(np.ascontiguousarray(model.vectors[start : start + _INDEX_ROWS]).data)
    settings = asdict(config)
    # Exact engines and sizes of blocks give the same, and fewer candidates are the first of more.
    settings["ranking"]["engine"] = "exact" if config.ranking.engine != "faiss-approximate" else "approximate"
    del settings["ranking"]["block_bytes"], settings["candidates"]
    return {"inputs": digest.hexdigest(), **settings}


def open_models(arrays: Sequence[Path], csv: Path | None) -> list[Embeddings]:
    """Opens the embeddings of the same photographs by several models.

    Args:
        arrays: .npy files, one a model.
        csv: which photographs the rows are; None names them by their number, as nothing else is called.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is of another form, or a vector cannot be compared; see `Embeddings.load_arrays`.
    """
    if csv is not None:
        return [Embeddings.load_arrays(path, csv) for path in arrays]
    models = []
    for path in arrays:
        vectors = map_vectors(path)
        models.append(
            Embeddings(ids=np.array([f"row {n}" for n in range(len(vectors))]), landmark_ids=None, vectors=vectors)
        )
    return models

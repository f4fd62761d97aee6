from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfland.recognition import similar_images
from tfland.recognition.embeddings import Embeddings
from tfland.recognition.similar_images import SimilarImages


def make(prefix: str, count: int, seed: int, fingerprint: str = "f") -> Embeddings:
    return Embeddings(
        ids=np.array([f"{prefix}{number}" for number in range(count)], dtype=object),
        landmark_ids=None,
        vectors=np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float16),
        fingerprint=fingerprint,
        model={"weights_sha256": fingerprint},
    )


def photographs(count: int) -> pd.DataFrame:
    rows = {"id": [f"i{number}" for number in range(count)], "landmark_id": [number % 4 for number in range(count)]}
    return pd.DataFrame(rows)


def predictions(count: int, seed: int = 0) -> pd.DataFrame:
    marks = np.random.default_rng(seed).integers(0, 6, count)
    return pd.DataFrame({"id": [f"q{number}" for number in range(count)], "landmark_id": marks})


@pytest.mark.parametrize("pairs", [1, 25, 10_000])
def test_the_most_similar_come_first(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recomputed one by one; the blocks change nothing."""
    monkeypatch.setattr(similar_images, "_PAIRS", pairs)
    index, queries = make("i", 40, 1), make("q", 12, 2)
    found = SimilarImages(index=index, queries=queries, count=4)(predictions(12), photographs(40))
    expected = {}
    for number, landmark in enumerate(predictions(12)["landmark_id"]):
        query = queries.vectors[number].astype(float)
        scores = {}
        for row in range(int(landmark), 40, 4):
            image = index.vectors[row].astype(float)
            scores[f"i{row}"] = -(query @ image) / np.linalg.norm(query) / np.linalg.norm(image)
        if landmark < 4:
            expected[f"q{number}", landmark] = tuple(sorted(scores, key=lambda name: scores[name])[:4])
    assert found == expected and len(found) > 5


def test_ties_go_by_id_and_the_rest_comes_last() -> None:
    index, queries = make("i", 3, 1), make("q", 1, 2)
    index.vectors[:] = index.vectors[0]
    table = pd.DataFrame({"id": ["z", "i2", "i0", "a", "q0", "i1"], "landmark_id": 7})
    ask = pd.DataFrame({"id": ["q0", "unknown"], "landmark_id": [7, 7]})
    found = SimilarImages(index=index, queries=queries)(ask, table)
    assert found == {("q0", 7): ("i0", "i1", "i2", "a", "z")}


def test_a_query_is_not_similar_to_itself() -> None:
    both = make("i", 8, 1)
    found = SimilarImages(index=both, queries=both)(pd.DataFrame({"id": ["i0"], "landmark_id": [0]}), photographs(8))
    assert found == {("i0", 0): ("i4",)}


def test_nothing_to_rank() -> None:
    ask = SimilarImages(index=make("i", 3, 1), queries=make("q", 1, 2))
    assert ask(predictions(0), photographs(3)) == {}
    assert ask(pd.DataFrame({"id": ["q0"], "landmark_id": [-1]}), photographs(3)) == {}


def test_other_models_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the index is of another model"):
        SimilarImages(index=make("i", 3, 1), queries=make("q", 3, 1, "g"))
    with pytest.raises(FileNotFoundError, match="no finished embeddings"):
        SimilarImages.open(tmp_path / "index", tmp_path / "queries", 3)

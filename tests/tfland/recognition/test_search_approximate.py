"""faiss's inverted lists behind the interface of the exact search."""

from pathlib import Path

import numpy as np
import pytest

from tfland.recognition.search import top_k
from tfland.recognition.search_approximate import build_approximate, load_approximate, recall, save_approximate
from tfland.recognition.search_index import SearchIndex


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    """200 queries and 3000 photographs around 60 centres."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 16))
    index = centres[rng.integers(0, 60, 3000)] + 0.3 * rng.normal(size=(3000, 16))
    queries = centres[rng.integers(0, 60, 200)] + 0.3 * rng.normal(size=(200, 16))
    return queries.astype(np.float32), index.astype(np.float16)


def test_recall_grows_with_the_lists_visited(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    queries, index = clusters
    exact_scores, exact = top_k(queries, index, 10)
    found = {}
    for visited in (1, 8, 55):
        lists = SearchIndex(index)
        build_approximate(lists, centres=55, visited=visited)
        scores, rows = top_k(queries, lists, 10, engine="faiss-approximate")
        found[visited] = recall(rows, exact)
        same = rows == exact
        np.testing.assert_array_equal(scores[same], exact_scores[same])
    assert 0.5 < found[1] < found[8]
    assert found[8] > 0.98
    assert found[55] > 0.999


def test_built_on_first_use_saved_and_loaded(clusters: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    queries, index = clusters
    lists = SearchIndex(index, penalties=np.linspace(0, 0.2, len(index)))
    with pytest.raises(ValueError, match="no approximate lists yet; build them first"):
        save_approximate(lists, tmp_path / "lists.faiss")
    first = top_k(queries, lists, 5, engine="faiss-approximate")
    save_approximate(lists, tmp_path / "lists.faiss")
    again = SearchIndex(index, penalties=lists.penalties)
    load_approximate(again, tmp_path / "lists.faiss")
    for one, other in zip(first, top_k(queries, again, 5, engine="faiss-approximate"), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="holds lists of 3000 rows of 17 numbers, the index 3000 of 16; build them"):
        load_approximate(SearchIndex(index), tmp_path / "lists.faiss")


def test_fewer_rows_than_wanted(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    queries, index = clusters
    scores, rows = top_k(queries, index[:3], 5, engine="faiss-approximate")
    assert (rows[:, 3:] == -1).all()
    assert (scores[:, 3:] == -np.inf).all()
    assert recall(rows, rows) == 1
    with pytest.raises(ValueError, match="centres is 4 of 3 rows and visited is 32"):
        build_approximate(SearchIndex(index[:3]), centres=4)

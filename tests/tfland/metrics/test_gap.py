"""GAP against a slow, literal recomputation, and its properties."""

import numpy as np
import pytest

from tfland.metrics.gap import average_precision, gap, kaggle_order, relevance


def slow_gap(rows: list[tuple[str, int, float]], truth: dict[str, frozenset[int]]) -> float:
    """GAP by its definition, one prediction at a time."""
    ranked = sorted(rows, key=lambda row: (-row[2], row[0], row[1]))
    total, hits = 0.0, 0
    for rank, (query, landmark, _) in enumerate(ranked, start=1):
        if landmark in truth[query]:
            hits += 1
            total += hits / rank
    return total / sum(bool(landmarks) for landmarks in truth.values())


def random_case(seed: int) -> tuple[list[tuple[str, int, float]], dict[str, frozenset[int]]]:
    rng = np.random.default_rng(seed)
    names = [f"{value:016x}" for value in rng.permutation(rng.integers(3, 60))]
    truth = {n: frozenset(rng.integers(0, 4, size=rng.integers(0, 3)).tolist()) for n in names}
    truth[names[0]] = frozenset([1])
    levels = rng.integers(1, 6)  # few levels: many ties
    rows = [(n, int(rng.integers(0, 4)), float(rng.integers(0, levels)) / levels) for n in names if rng.random() < 0.8]
    return rows, truth


def arrays(rows: list[tuple[str, int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    names, landmarks, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(names, dtype=object), np.array(landmarks, dtype=np.int64), np.array(scores, dtype=np.float64)


@pytest.mark.parametrize("seed", range(200))
def test_agrees_with_the_definition(seed: int) -> None:
    rows, truth = random_case(seed)
    assert gap(*arrays(rows), truth) == pytest.approx(slow_gap(rows, truth), abs=1e-12)


def test_worked_example() -> None:
    # Ranked: a right (1/1), b wrong, c right (2/3); d predicts nothing. M = 3 (a, c, d).
    truth = {"a": frozenset([1]), "b": frozenset(), "c": frozenset([2]), "d": frozenset([3])}
    rows = [("c", 2, 0.1), ("a", 1, 0.9), ("b", 1, 0.5)]
    assert gap(*arrays(rows), truth) == pytest.approx((1 + 2 / 3) / 3)


def test_row_order_does_not_matter() -> None:
    rows, truth = random_case(3)
    assert gap(*arrays(rows), truth) == gap(*arrays(rows[::-1]), truth)


def test_any_increasing_map_of_the_scores_gives_the_same() -> None:
    rows, truth = random_case(4)
    ids, landmarks, scores = arrays(rows)
    assert gap(ids, landmarks, np.exp(7 * scores) - 3, truth) == gap(ids, landmarks, scores, truth)


def test_ties_are_ordered_by_id_then_landmark() -> None:
    ids, landmarks = np.array(["b", "a", "c"]), np.array([1, 1, 1])
    assert kaggle_order(ids, landmarks, np.array([0.5, 0.5, 0.9])).tolist() == [2, 1, 0]
    assert kaggle_order(np.array(["a", "a"]), np.array([9, 2]), np.array([0.5, 0.5])).tolist() == [1, 0]


def test_ties_around_distinct_scores() -> None:
    ids = np.array(["f", "e", "d", "c", "b", "a"])
    order = kaggle_order(ids, np.zeros(6, int), np.array([0.1, 0.1, 0.7, 0.1, 0.9, 0.9]))
    assert ids[order].tolist() == ["a", "b", "d", "c", "e", "f"]


def test_no_predictions_score_zero() -> None:
    assert gap(*arrays([]), {"a": frozenset([1])}) == 0.0


@pytest.mark.parametrize(
    ("rows", "truth", "message"),
    [
        ([("a", 1, 0.5), ("a", 2, 0.4)], {"a": frozenset([1])}, "query 'a' has several predictions"),
        ([("z", 1, 0.5)], {"a": frozenset([1])}, "query 'z' is not in the solution"),
        ([("a", 1, float("nan"))], {"a": frozenset([1])}, "score of query 'a' is NaN"),
        ([("a", 1, 0.5)], {"a": frozenset()}, "no query of the solution shows a landmark"),
    ],
)
def test_refusals(rows: list, truth: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gap(*arrays(rows), truth)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 ids but 1 landmarks"):
        relevance(np.array(["a", "b"]), np.array([1]), {})
    with pytest.raises(ValueError, match="lengths must agree"):
        kaggle_order(np.array(["a"]), np.array([1]), np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match="GAP is undefined"):
        average_precision(np.array([True]), 0)


@pytest.mark.parametrize("seed", range(40))
def test_order_against_sorting_tuples(seed: int) -> None:
    """Repeated ids, ids of any length, signed zeros and infinite scores."""
    rng = np.random.default_rng([7, seed])
    count = int(rng.integers(1, 80))
    ids = np.array([f"{value:0{1 + seed % 20}d}" for value in rng.integers(0, 30, count)], dtype=object)
    landmarks = rng.permutation(count)
    scores = rng.choice([0.0, -0.0, 0.5, 1.0, np.inf, -np.inf, -3.0], count)
    rows = sorted(range(count), key=lambda row: (-scores[row], ids[row], landmarks[row]))
    assert kaggle_order(ids, landmarks, scores).tolist() == rows

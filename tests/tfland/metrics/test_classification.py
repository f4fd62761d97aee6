"""Precision, recall and F1 against the definitions and scikit-learn; confusions against counting."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as sklearn_matrix
from sklearn.metrics import precision_recall_fscore_support

from tfland.metrics.classification import class_scores, confusion_matrix, confusions
from tfland.metrics.judged import Judged, Predictions, judge


@pytest.fixture(params=range(12))
def judged(request: pytest.FixtureRequest, make_case: Callable) -> Judged:
    seed = request.param
    return judge(*make_case(seed, classes=1 + seed % 6, several=seed % 2 == 0, distractors=seed % 3 > 0))


def slow_counts(judged: Judged, mark: int, *, without_distractors: bool) -> tuple[int, int, int]:
    """TP, FP and FN of one class, a query at a time."""
    right = wrong = missed = 0
    for shown, predicted in zip(judged.shown, judged.predicted, strict=True):
        if predicted == mark == shown:
            right += 1
        elif predicted == mark and not (without_distractors and shown == -1):
            wrong += 1
        if shown == mark != predicted:
            missed += 1
    return right, wrong, missed


@pytest.mark.parametrize("without", [False, True])
def test_against_the_definitions(judged: Judged, without: bool) -> None:
    scores = class_scores(judged)
    assert set(scores.landmark_ids) == (set(judged.shown) | set(judged.predicted)) - {-1}
    precisions, f1s = scores.precision(without_distractors=without), scores.f1(without_distractors=without)
    for place, mark in enumerate(scores.landmark_ids):
        right, wrong, missed = slow_counts(judged, mark, without_distractors=without)
        precision = right / (right + wrong) if right + wrong else 0
        recall = right / (right + missed) if right + missed else 0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        found = (precisions[place], scores.recall[place], f1s[place])
        assert found == pytest.approx((precision, recall, f1))


@pytest.mark.parametrize("without", [False, True])
def test_against_scikit_learn(judged: Judged, without: bool) -> None:
    rows = judged.shows if without else np.ones(len(judged.queries), bool)
    shown, predicted = judged.shown[rows], judged.predicted[rows]
    scores = class_scores(judged)
    averages = scores.averages(without_distractors=without)
    every, present = scores.landmark_ids, np.unique(judged.shown[judged.shows])
    values = precision_recall_fscore_support(shown, predicted, labels=every, zero_division=0)
    ours = (scores.precision(without_distractors=without), scores.recall, scores.f1(without_distractors=without))
    for mine, theirs in zip(ours, values, strict=False):
        assert mine == pytest.approx(theirs)
    assert scores.queries.tolist() == values[3].tolist()
    for average, labels in (("macro", present), ("weighted", present), ("micro", every)):
        figures = precision_recall_fscore_support(shown, predicted, labels=labels, average=average, zero_division=0)
        for name, figure in zip(("precision", "recall", "f1"), figures, strict=False):
            assert averages[f"{name}_{average}"] == pytest.approx(figure), (name, average)


def test_confusions_against_counting(judged: Judged) -> None:
    counted = Counter(
        (shown, predicted)
        for shown, predicted in zip(judged.shown.tolist(), judged.predicted.tolist(), strict=True)
        if -1 not in (shown, predicted) and shown != predicted
    )
    table = confusions(judged)
    found = {(row.landmark_id, row.predicted_id): row.queries for row in table.itertuples()}
    assert found == counted
    assert table["queries"].is_monotonic_decreasing
    for row in table.itertuples():
        assert row.share == pytest.approx(row.queries / (judged.shown == row.landmark_id).sum())


def test_matrix_against_scikit_learn(judged: Judged) -> None:
    marks = np.random.default_rng(1).permutation(np.unique(np.append(judged.shown[judged.shows], judged.landmark_ids)))
    matrix = confusion_matrix(judged, marks)
    labels = [*marks.tolist(), -1]
    square = sklearn_matrix(judged.shown, judged.predicted, labels=labels)
    assert matrix[:, : len(marks)].tolist() == square[:, :-1].tolist()
    assert matrix[:, -1].tolist() == square[:, -1].tolist()
    assert matrix[:, -2].sum() == 0


def test_matrix_of_some_classes(judged: Judged) -> None:
    matrix = confusion_matrix(judged, np.array([1]))
    of_class = judged.shown == 1
    other = of_class & ~np.isin(judged.predicted, [1, -1])
    assert matrix.shape == (2, 3)
    assert matrix[0].tolist() == [
        (of_class & (judged.predicted == 1)).sum(),
        other.sum(),
        (of_class & (judged.predicted == -1)).sum(),
    ]
    assert matrix[1].sum() == (~judged.shows).sum()


def of(rows: list[tuple[str, int]], truth: dict[str, frozenset[int]]) -> Judged:
    ids, marks = zip(*rows, strict=True) if rows else ((), ())
    scores = np.full(len(ids), 0.5)
    return judge(Predictions(ids=np.array(ids, object), landmark_ids=np.array(marks, np.int64), scores=scores), truth)


def test_no_predictions() -> None:
    scores = class_scores(of([], {"a": frozenset([3]), "b": frozenset()}))
    assert set(scores.averages().values()) == {0.0}
    assert scores.table()[["landmark_id", "queries", "right"]].to_numpy().tolist() == [[3, 1, 0]]
    assert confusions(of([], {"a": frozenset([3])})).empty


def test_one_class_all_right() -> None:
    judged = of([("a", 3), ("b", 3)], {"a": frozenset([3]), "b": frozenset([3])})
    assert set(class_scores(judged).averages().values()) == {1.0}


def test_only_distractors_are_refused() -> None:
    judged = of([("a", 3)], {"a": frozenset()})
    assert class_scores(judged).on_distractors.tolist() == [1]
    with pytest.raises(ValueError, match="no query of the solution shows a landmark"):
        class_scores(judged).averages()
    assert confusions(judged).empty


def test_worked_example() -> None:
    """Class 1: shown by a, b, c; predicted for a (right), d (which shows 2) and e (which shows nothing)."""
    truth = {q: frozenset([1]) for q in "abc"} | {"d": frozenset([2]), "e": frozenset()}
    judged = of([("a", 1), ("b", 2), ("d", 1), ("e", 1)], truth)
    table = class_scores(judged).table()
    first = table.iloc[0]
    assert (first.landmark_id, first.queries, first.predicted, first.on_distractors, first.right) == (1, 3, 2, 1, 1)
    assert (first.precision, first.recall, first.f1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert (first.precision_without_distractors, first.f1_without_distractors) == pytest.approx((1 / 2, 2 / 5))

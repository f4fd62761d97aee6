"""Predictions matched with the truth."""

from collections.abc import Callable

import numpy as np
import pytest

from tfland.metrics.gap import average_precision, gap
from tfland.metrics.judged import Predictions, judge


def of(rows: list[tuple[str, int, float]]) -> Predictions:
    ids, marks, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return Predictions(
        ids=np.array(ids, object), landmark_ids=np.array(marks, np.int64), scores=np.array(scores, float)
    )


@pytest.mark.parametrize("seed", range(20))
def test_against_one_query_at_a_time(make_case: Callable, seed: int) -> None:
    predictions, truth = make_case(seed)
    judged = judge(predictions, truth)
    made = dict(zip(predictions.ids, zip(predictions.landmark_ids, predictions.scores, strict=True), strict=True))
    assert judged.queries.tolist() == list(truth)
    for query, shown, predicted in zip(judged.queries, judged.shown, judged.predicted, strict=True):
        assert predicted == (made[query][0] if query in made else -1)
        assert shown == (predicted if predicted in truth[query] else min(truth[query], default=-1))
    ranked = [(-judged.scores[n], judged.queries[judged.rows[n]]) for n in range(len(judged.rows))]
    assert ranked == sorted(ranked)
    assert [made[judged.queries[row]][0] in truth[judged.queries[row]] for row in judged.rows] == judged.right.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_a_part_is_what_judging_the_part_gives(make_case: Callable, seed: int) -> None:
    predictions, truth = make_case(seed)
    judged = judge(predictions, truth)
    chosen = np.random.default_rng(seed).random(len(truth)) < 0.5
    names = set(judged.queries[chosen].tolist())
    inside = np.array([query in names for query in predictions.ids], dtype=bool)
    kept = [getattr(predictions, name)[inside] for name in ("ids", "landmark_ids", "scores")]
    again = judge(
        Predictions(ids=kept[0], landmark_ids=kept[1], scores=kept[2]), {q: truth[q] for q in truth if q in names}
    )
    part = judged.part(chosen)
    for name in ("queries", "shown", "rows", "landmark_ids", "scores", "right"):
        assert getattr(part, name).tolist() == getattr(again, name).tolist(), name


def test_gap_from_judged_is_gap(make_case: Callable) -> None:
    predictions, truth = make_case(3)
    judged = judge(predictions, truth)
    expected = gap(predictions.ids, predictions.landmark_ids, predictions.scores, truth)
    assert average_precision(judged.right, judged.num_landmark_queries) == expected


def test_no_predictions() -> None:
    judged = judge(of([]), {"a": frozenset([4]), "b": frozenset()})
    assert (judged.shown.tolist(), judged.predicted.tolist(), len(judged.rows)) == ([4, -1], [-1, -1], 0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", 1, 0.5), ("a", 2, 0.4)], "query 'a' has several predictions"),
        ([("z", 1, 0.5)], "query 'z' is not in the solution"),
        ([("a", 1, float("nan"))], "score of query 'a' is NaN"),
    ],
)
def test_refusals(rows: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judge(of(rows), {"a": frozenset([1])})

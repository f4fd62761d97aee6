"""What changed between two predictions files."""

from collections.abc import Callable

import numpy as np
import pytest

from tfland.metrics.compare import changes, count_changes
from tfland.metrics.judged import Judged, Predictions, judge

TRUTH = {q: frozenset([1]) for q in "abcdefg"} | {"h": frozenset([1, 2]), "x": frozenset(), "y": frozenset()}


def of(**marks: int) -> Judged:
    scores = np.linspace(1, 0.1, len(marks))
    ids = np.array(list(marks), object)
    return judge(Predictions(ids=ids, landmark_ids=np.array(list(marks.values()), np.int64), scores=scores), TRUTH)


def test_every_kind() -> None:
    before = of(a=1, b=5, c=1, d=5, f=5, h=1, x=4)
    after = of(a=1, b=1, c=6, d=6, e=5, h=2, y=4)
    table = changes(before, after).set_index("id")
    assert table["change"].to_dict() == {
        "a": "same",
        "b": "gained",
        "c": "lost",
        "d": "other_wrong",
        "e": "newly_wrong",
        "f": "withdrawn",
        "g": "same",
        "h": "other_right",
        "x": "withdrawn",
        "y": "newly_wrong",
    }
    assert (table.loc["c", "landmark_id_before"], table.loc["c", "landmark_id_after"]) == (1, 6)
    assert np.isnan(table.loc["e", "score_before"])
    assert not table.loc["x", "shows"]


@pytest.mark.parametrize("seed", range(10))
def test_against_one_query_at_a_time(make_case: Callable, seed: int) -> None:
    (first, truth), (second, _) = make_case(seed), make_case(seed, classes=4)
    before, after = judge(first, truth), judge(second, truth)
    table = changes(before, after)
    made = [dict(zip(part.ids, part.landmark_ids, strict=True)) for part in (first, second)]
    for row in table.itertuples():
        old, new = (part.get(row.id) for part in made)
        was, now = (mark in truth[row.id] for mark in (old, new))
        if old == new:
            expected = "same"
        elif now:
            expected = "other_right" if was else "gained"
        elif was:
            expected = "lost"
        elif old is None:
            expected = "newly_wrong"
        else:
            expected = "withdrawn" if new is None else "other_wrong"
        assert row.change == expected
    counts = count_changes(table)
    assert counts["gained"] - counts["lost"] == after.right.sum() - before.right.sum()


def test_counts() -> None:
    before, after = of(a=1, b=5), of(b=5, a=1)
    counts = count_changes(changes(before, after))
    assert counts["same"] == len(TRUTH)
    assert counts["same_landmark_other_score"] == 2
    assert count_changes(changes(before, before))["same_landmark_other_score"] == 0


def test_other_queries_are_refused() -> None:
    empty = Predictions(ids=np.array([], object), landmark_ids=np.array([], np.int64), scores=np.array([]))
    with pytest.raises(ValueError, match="judge both on the same"):
        changes(judge(empty, {"a": frozenset()}), judge(empty, {"b": frozenset()}))

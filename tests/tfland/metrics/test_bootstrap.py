"""The paired bootstrap against a recomputation that draws whole tables."""

from collections.abc import Callable

import numpy as np
import pytest

from tfland.metrics.bootstrap import FIGURES, bootstrap, paired_bootstrap, paired_bootstrap_gap
from tfland.metrics.gap import gap
from tfland.metrics.judged import Predictions, judge
from tfland.metrics.scores import score_judged


def case(seed: int, *, right_share: float, queries: int = 40) -> tuple[Predictions, dict[str, frozenset[int]]]:
    rng = np.random.default_rng(seed)
    names = np.array([f"{n:03d}" for n in range(queries)], dtype=object)
    truth = {name: frozenset([1]) if n % 2 else frozenset() for n, name in enumerate(names)}
    landmarks = np.where(rng.random(queries) < right_share, 1, 2)
    return Predictions(ids=names, landmark_ids=landmarks, scores=rng.random(queries)), truth


def test_value_is_the_difference_of_the_two_gaps() -> None:
    (first, truth), (second, _) = case(1, right_share=0.4), case(2, right_share=0.9)
    result = paired_bootstrap_gap(first, second, truth, seed=0, resamples=50)
    gaps = [gap(part.ids, part.landmark_ids, part.scores, truth) for part in (first, second)]
    assert result.value == pytest.approx(gaps[1] - gaps[0])
    assert result.low <= result.high


def test_against_resampled_tables() -> None:
    """Draws of queries, written out as tables with renamed copies, have the same GAP differences."""
    (first, truth), (second, _) = case(1, right_share=0.4), case(2, right_share=0.9)
    rng, names, slow = np.random.default_rng(5), list(truth), []
    for _ in range(200):
        drawn = rng.integers(len(names), size=len(names))
        copies = {f"{names[row]}-{number}": row for number, row in enumerate(drawn)}
        resampled = {copy: truth[names[row]] for copy, row in copies.items()}
        rows = list(copies.values())
        parts = [(np.array(list(copies), object), p.landmark_ids[rows], p.scores[rows]) for p in (first, second)]
        slow.append(gap(*parts[1], resampled) - gap(*parts[0], resampled))
    quick = paired_bootstrap_gap(first, second, truth, seed=5, resamples=200)
    assert [quick.low, quick.high] == pytest.approx(np.quantile(slow, [0.025, 0.975]))


def test_same_predictions_differ_by_nothing() -> None:
    part, truth = case(3, right_share=0.5)
    result = paired_bootstrap_gap(part, part, truth, seed=1, resamples=20)
    assert (result.value, result.low, result.high) == (0, 0, 0)


def test_the_seed_decides() -> None:
    (first, truth), (second, _) = case(1, right_share=0.4), case(2, right_share=0.9)
    results = [paired_bootstrap_gap(first, second, truth, seed=seed, resamples=50) for seed in (1, 1, 2)]
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize(("options", "message"), [({"level": 1.0}, "level=1.0"), ({"resamples": 0}, "resamples=0")])
def test_refusals(options: dict, message: str) -> None:
    part, truth = case(3, right_share=0.5)
    with pytest.raises(ValueError, match=message):
        paired_bootstrap_gap(part, part, truth, seed=1, **options)


def test_intervals_of_one_file_against_resampled_tables(make_case: Callable) -> None:
    predictions, truth = make_case(1)
    judged = judge(predictions, truth)
    rng, names, slow = np.random.default_rng(9), list(truth), []
    place = {query: row for row, query in enumerate(predictions.ids)}
    for _ in range(100):
        drawn = rng.integers(len(names), size=len(names))
        copies = {f"{names[row]}-{number:03d}": names[row] for number, row in enumerate(drawn)}
        rows = [place[query] for query in copies.values() if query in place]
        again = judge(
            Predictions(
                ids=np.array([copy for copy, query in copies.items() if query in place], object),
                landmark_ids=predictions.landmark_ids[rows],
                scores=predictions.scores[rows],
            ),
            {copy: truth[query] for copy, query in copies.items()},
        )
        figures = score_judged(again)
        slow.append([figures[name] for name in FIGURES])
    quick = bootstrap(judged, seed=9, resamples=100)
    expected = np.quantile(slow, [0.025, 0.975], axis=0).T
    assert [[quick[name].low, quick[name].high] for name in FIGURES] == pytest.approx(expected)
    values = score_judged(judged)
    assert [quick[name].value for name in FIGURES] == pytest.approx([values[name] for name in FIGURES])


def test_paired_figures_are_differences(make_case: Callable) -> None:
    (first, truth), (second, _) = make_case(1), make_case(1, classes=3)
    judged = judge(first, truth), judge(second, truth)
    paired = paired_bootstrap(*judged, seed=0, resamples=20)
    before, after = (score_judged(part) for part in judged)
    assert [paired[name].value for name in FIGURES] == pytest.approx([after[n] - before[n] for n in FIGURES])


def test_no_predictions_have_zero_intervals() -> None:
    empty = Predictions(ids=np.array([], object), landmark_ids=np.array([], np.int64), scores=np.array([]))
    assert bootstrap(judge(empty, {"a": frozenset([1])}), seed=0, resamples=5)["gap"].high == 0


def test_intervals_need_a_landmark_and_the_same_queries() -> None:
    empty = Predictions(ids=np.array([], object), landmark_ids=np.array([], np.int64), scores=np.array([]))
    with pytest.raises(ValueError, match="no query of the solution shows a landmark"):
        bootstrap(judge(empty, {"a": frozenset()}), seed=0)
    with pytest.raises(ValueError, match="judge both on the same"):
        paired_bootstrap(judge(empty, {"a": frozenset([1])}), judge(empty, {"b": frozenset([1])}), seed=0)

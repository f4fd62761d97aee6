from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from delf_verify import report_model as model
from delf_verify.decision import Thresholds
from delf_verify.probability import ProbabilityModel
from delf_verify.verified_files import VERIFIED_COLUMNS

MakeHistogram = Callable[..., model.Histogram | None]
ROWS = [
    ["a", 1, 0.9, "confirmed", 40.0, 9.0, 0.8, 0.5, 0.9, 3, "x", "r"],
    ["b", 1, 0.8, "confirmed", 30.0, 9.0, 0.7, 0.4, 0.8, 3, "x", "r"],
    ["c", 2, 0.95, "distractor", 3.0, 1.0, 0.1, 0.0, 0.1, 3, "y", "r"],
    ["d", 2, 0.1, "wrong", 12.0, 6.0, 0.3, 0.2, 0.3, 3, "y", "r"],
    ["e", -1, np.nan, "unverified", np.nan, np.nan, np.nan, np.nan, np.nan, 0, "", "no prediction was made"],
]
VERIFIED = pd.DataFrame(ROWS, columns=VERIFIED_COLUMNS)
TRUTH = pd.DataFrame({"id": ["a", "b", "c", "e"], "landmarks": [(1,), (5, 6), (), (3,)]})


def test_truth_of_rows() -> None:
    found = model.truth_of_rows(VERIFIED, TRUTH)
    assert list(found) == [model.RIGHT, model.OTHER_LANDMARK, model.NO_LANDMARK, model.UNKNOWN, model.UNKNOWN]
    assert set(model.truth_of_rows(VERIFIED, None)) == {model.UNKNOWN}


def test_tiles_show_what_was_handed_in_and_nothing_else() -> None:
    assert model.tiles({}) == []
    gain = {"value": 0.1, "low": 0.05, "high": 0.15, "level": 0.95}
    tiles = model.tiles({"gap_classifier": 0.5, "gap_verified": 0.6, "gap_gain": gain, "true_kept": 0.951})
    assert [(tile.before, tile.value) for tile in tiles] == [("0.500", "0.600"), ("", "95.1%")]
    assert tiles[0].good and "95% interval +0.050 to +0.150" in tiles[0].note
    assert not model.tiles({"gap_classifier": 0.5, "gap_verified": 0.4})[0].good


def test_verdict_counts_split_by_truth() -> None:
    found = model.verdict_counts(VERIFIED, model.truth_of_rows(VERIFIED, TRUTH), Thresholds())
    counts = {row["verdict"]: row for row in found}
    assert counts["confirmed"]["count"] == 2
    assert counts["confirmed"]["by_truth"] == [1, 1, 0]
    assert counts["unverified"]["share"] == 0.2
    assert "25 inliers" in counts["confirmed"]["rule"]


@pytest.mark.parametrize("make", [model.inlier_histogram, model.probability_histogram])
def test_a_histogram_holds_every_compared_prediction_once(make: MakeHistogram) -> None:
    for truths in (model.truth_of_rows(VERIFIED, None), np.array([model.RIGHT] * 4 + [model.UNKNOWN], dtype=object)):
        bars = make(VERIFIED, truths, Thresholds())
        assert bars is not None
        assert sum(map(sum, bars.counts)) == 4
        assert bars.by_truth == (model.RIGHT in truths)
        assert [total for _, total, _ in bars.rows] == [sum(counts) for counts in bars.counts]
        assert max(high for _, _, marks in bars.rows for _, _, high, _ in marks) == 1.0
        assert all(
            0 <= place <= place + width <= 1 + 1e-12 for _, _, marks in bars.rows for place, width, _, _ in marks
        )
    assert make(VERIFIED.tail(1), np.array([""], dtype=object), Thresholds()) is None


def test_inliers_stand_where_their_square_root_is() -> None:
    table = VERIFIED.assign(max_inliers=[899.0, 25.0, 0.0, 1.0, np.nan])
    bars = model.inlier_histogram(table, model.truth_of_rows(table, None), Thresholds())
    assert bars is not None
    assert bars.places[0] == 0 and bars.places[-1] == 1
    assert dict(bars.ticks)["100"] == pytest.approx(10 / 30)
    assert bars.cut == ("confirmed from 25", pytest.approx(5 / 30))
    np.testing.assert_allclose(np.diff(bars.places), 1 / 30, atol=0.005)


def test_a_probability_that_confirms_is_drawn_where_it_applies() -> None:
    model_of_pairs = ProbabilityModel(
        method="logistic", inputs=("num_inliers",), coefficients=(1.0,), lows=(0.0,), highs=(9.0,), intercept=0.0
    )
    rule = Thresholds(pair=model_of_pairs, confirmed_probability=0.8)
    truths = model.truth_of_rows(VERIFIED, None)
    inliers, chances = (make(VERIFIED, truths, rule) for make in (model.inlier_histogram, model.probability_histogram))
    assert inliers is not None and chances is not None
    assert inliers.cut is None
    assert chances.cut == ("confirmed from 0.8", 0.8)


def test_seconds() -> None:
    assert model.seconds_bars({"seconds": {"train": 10, "verify": 5}}) == [("train", 10, 1), ("verify", 5, 0.5)]
    assert list(model.seconds_bars({})) == []

import numpy as np
import pandas as pd

from delf_verify import report_model as model
from delf_verify.decision import Thresholds
from delf_verify.verified_files import VERIFIED_COLUMNS

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
    assert [tile.value for tile in tiles] == ["0.600", "95.1%"]
    assert tiles[0].good and "95% interval +0.050 to +0.150" in tiles[0].note
    assert not model.tiles({"gap_classifier": 0.5, "gap_verified": 0.4})[0].good


def test_verdict_counts_split_by_truth() -> None:
    counts = {row["verdict"]: row for row in model.verdict_counts(VERIFIED, model.truth_of_rows(VERIFIED, TRUTH))}
    assert counts["confirmed"]["count"] == 2
    assert counts["confirmed"]["by_truth"] == [1, 1, 0]
    assert counts["unverified"]["share"] == 0.2


def test_the_histogram_holds_every_compared_prediction_once() -> None:
    for truths in (model.truth_of_rows(VERIFIED, None), np.array([model.RIGHT] * 4 + [model.UNKNOWN], dtype=object)):
        bars = model.histogram(VERIFIED, truths, Thresholds())
        assert bars is not None
        assert sum(map(sum, bars.counts)) == 4
        assert bars.highest == max(map(max, bars.counts))
    assert model.histogram(VERIFIED.tail(1), np.array([""], dtype=object), Thresholds()) is None


def test_cards_show_every_kind_before_a_second_of_one() -> None:
    truths = model.truth_of_rows(VERIFIED, TRUTH)
    assert model.choose_cards(VERIFIED, truths, 10) == [0, 1, 3, 2]
    assert model.choose_cards(VERIFIED, model.truth_of_rows(VERIFIED, None), 10) == [0, 3, 2, 1]
    assert model.choose_cards(VERIFIED, truths, 2) == [0, 1]
    assert model.choose_cards(VERIFIED.head(0), truths[:0], 5) == []


def test_table_rows() -> None:
    rows = model.table_rows(VERIFIED, model.truth_of_rows(VERIFIED, TRUTH), {1: "one"}, {0: "#card-0"})
    assert rows[0] == ["a", 1, "one", 0.9, 0, 40, 9.0, 3, "x", 0, "#card-0", ""]
    assert rows[4] == ["e", None, "", None, 3, None, None, 0, "", -1, "", "no prediction was made"]


def test_seconds() -> None:
    assert model.seconds_bars({"seconds": {"train": 10, "verify": 5}}) == [("train", 10, 1), ("verify", 5, 0.5)]
    assert list(model.seconds_bars({})) == []

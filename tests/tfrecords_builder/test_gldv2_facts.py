"""Every count that is published of Google Landmarks v2 clean, on a catalogue made to have them.

Sources: ../shared/data/gldv2/facts.md (the real train.csv) and seed 002. The sizes between the published ones are
free; they follow a falling curve.
"""

import numpy as np
import pandas as pd
import pytest

from tfrecords_builder.selection import Selection, class_size_bins, select
from tfrecords_builder.splits import apportion, assign_splits, parse_plan

SEED_002 = parse_plan(["validation=0.18", "test=0.10"])
LARGEST = {
    138982: 6272,
    126637: 2231,
    20409: 1758,
    83144: 1741,
    113209: 1135,
    177870: 1088,
    194914: 1073,
    149980: 971,
    139894: 966,
    1924: 944,
}
TENTH_TEN = [379, 376, 375, 368, 368, 367, 366, 366, 364, 364]


def falling(count: int, smallest: int, largest: int, total: int) -> np.ndarray:
    """`count` whole numbers between two limits with the given sum, along a falling power curve."""
    places = (np.arange(count) + 0.5) / count
    low, high = 1e-3, 1e3
    for _ in range(100):
        power = (low * high) ** 0.5
        curve = smallest + (largest - smallest) * places**power
        low, high = (power, high) if curve.sum() > total else (low, power)
    sizes = np.round(curve).astype(np.int64)
    while sizes.sum() != total:
        step = int(np.sign(total - sizes.sum()))
        may_change = np.flatnonzero((sizes + step >= smallest) & (sizes + step <= largest))
        sizes[may_change[: abs(int(total - sizes.sum()))]] += step
    return sizes


@pytest.fixture(scope="module")
def sizes() -> np.ndarray:
    """Photographs of each of 81,313 classes, the ten largest first."""
    top_100 = [
        np.array(list(LARGEST.values())),
        falling(2, 860, 944, 19_999 - sum(LARGEST.values())),  # seed 002: the top 12 hold 19,999
        falling(8, 800, 890, 26_779 - 19_999),  # and the top 20 hold 26,779
        falling(70, 379, 800, 66_081 - 26_779 - sum(TENTH_TEN)),
        np.array(TENTH_TEN),
    ]
    of_6, of_7_to_14, of_15_to_29 = 57_042 - 51_471, 51_471 - 12_671 - 14_553, 14_553
    tail = [
        falling(24_271, 2, 5, 1_580_470 - 1_490_153),
        np.full(of_6, 6),
        falling(of_7_to_14, 7, 14, 235_000),
        falling(of_15_to_29, 15, 29, 298_000),
        # No class of exactly 30: seed 000 writes both ">= 30" and "more than 30" of its 12,671 classes.
        falling(12_671 - 100, 31, 363, 1_490_153 - 66_081 - 6 * of_6 - 235_000 - 298_000),
    ]
    return np.concatenate(top_100 + tail)


@pytest.fixture(scope="module")
def catalogue(sizes) -> pd.DataFrame:
    free = np.setdiff1d(np.arange(203_094), list(LARGEST))[: len(sizes) - len(LARGEST)]
    landmarks = np.concatenate([list(LARGEST), free])
    ids = np.arange(sizes.sum(), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return pd.DataFrame({"id": [f"{number:016x}" for number in ids.tolist()], "landmark_id": landmarks.repeat(sizes)})


def test_the_sizes_are_the_published_ones(sizes):
    falling_sizes = np.sort(sizes)[::-1]
    assert (len(sizes), sizes.sum(), sizes.min()) == (81_313, 1_580_470, 2)
    assert falling_sizes[:10].tolist() == list(LARGEST.values())
    assert falling_sizes[:100].sum() == 66_081
    assert falling_sizes[90:100].tolist() == TENTH_TEN
    assert [int((sizes >= least).sum()) for least in (6, 7, 30, 31)] == [57_042, 51_471, 12_671, 12_671]
    assert ((sizes >= 15) & (sizes <= 29)).sum() == 14_553
    assert (sizes < 100).mean() == pytest.approx(0.975, abs=0.02)  # seed 002: "almost 97.5 %"


def test_the_split_of_seed_002_is_met_and_every_class_is_in_every_part(sizes):
    counts = apportion(sizes[sizes >= 6], SEED_002)
    assert counts.sum(axis=0) == pytest.approx([1_072_910, 268_227, 149_016], rel=0.01)
    assert counts.min() >= 1


@pytest.mark.slow
def test_selections_are_the_published_ones(catalogue):
    six = select(catalogue, Selection(min_images=6))
    assert (len(six), six["landmark_id"].nunique()) == (1_490_153, 57_042)
    small = select(catalogue, Selection(max_images=5))
    assert (len(small), small["landmark_id"].nunique()) == (90_317, 24_271)
    assert select(catalogue, Selection(min_images=7))["landmark_id"].nunique() == 51_471
    assert len(select(catalogue, Selection(top_classes=12))) == 19_999
    assert len(select(catalogue, Selection(top_classes=20))) == 26_779
    assert len(select(catalogue, Selection(top_classes=100))) == 66_081
    assert set(select(catalogue, Selection(top_classes=10))["landmark_id"]) == set(LARGEST)
    bins = class_size_bins(catalogue, (30, 15))
    assert [rows["landmark_id"].nunique() for rows in bins.values()] == [12_671, 14_553]


@pytest.mark.slow
def test_the_split_of_the_whole_catalogue(catalogue):
    six = select(catalogue, Selection(min_images=6))
    parts = assign_splits(six, SEED_002, 0)
    assert np.bincount(parts) == pytest.approx([1_072_910, 268_227, 149_016], rel=0.01)
    for part in range(3):
        assert six["landmark_id"][parts == part].nunique() == 57_042


def test_seed_003s_range_of_landmarks_and_its_split():
    """300 classes among the ids 1000 to 1300; 12,245 / 2,906 / 271 photographs."""
    # By its rule 5 % of 28 and of 29 and 1 % of 149 are one photograph, and a class of one gives none: 207 + 64 = 271.
    sizes = np.concatenate([np.full(29, 1), np.full(146, 28), np.full(61, 29), np.full(64, 149)])
    landmarks = np.delete(np.arange(1000, 1301), 7)
    table = pd.DataFrame({"landmark_id": np.concatenate([landmarks.repeat(sizes), [999, 1301] * 50])})
    table.insert(0, "id", [f"p{number}" for number in range(len(table))])
    chosen = select(table, Selection(first_landmark=1000, last_landmark=1300))
    assert (len(chosen), chosen["landmark_id"].nunique()) == (12_245 + 2_906 + 271, 300)
    parts = assign_splits(chosen, parse_plan([f"validation={2_906 / (12_245 + 2_906)}", "test=class-size"]), 0)
    assert np.bincount(parts).tolist() == [12_245, 2_906, 271]

import numpy as np
import pandas as pd
import pytest

from tfrecords_builder.selection import EVERYTHING, Selection, class_size_bins, select


@pytest.fixture
def photographs() -> pd.DataFrame:
    """Classes 1 (5 photographs), 2 (3), 3 (3), 9 (1), mixed, and two without a landmark."""
    landmarks = [1, 2, 3, -1, 1, 2, 3, 9, 1, 2, 3, 1, 1, -1]
    return pd.DataFrame({"id": [f"i{number}" for number in range(14)], "landmark_id": landmarks})


def kept(photographs: pd.DataFrame, **conditions) -> list[int]:
    return sorted(set(select(photographs, Selection(**conditions))["landmark_id"]))


def test_asking_nothing_keeps_all_even_photographs_without_a_landmark(photographs):
    assert select(photographs, EVERYTHING) is photographs


@pytest.mark.parametrize(
    ("conditions", "landmarks"),
    [
        ({"min_images": 3}, [1, 2, 3]),
        ({"min_images": 4}, [1]),
        ({"max_images": 3}, [2, 3, 9]),
        ({"min_images": 2, "max_images": 3}, [2, 3]),
        ({"top_classes": 1}, [1]),
        ({"top_classes": 2}, [1, 2]),  # 2 and 3 are of one size: the smaller id wins
        ({"top_classes": 99}, [1, 2, 3, 9]),
        ({"top_classes": 1, "max_images": 3}, [2]),
        ({"first_landmark": 2, "last_landmark": 3}, [2, 3]),
        ({"first_landmark": 3}, [3, 9]),
        ({"last_landmark": 1}, [1]),
        ({"landmarks": (9, 2)}, [2, 9]),
    ],
)
def test_conditions(photographs, conditions, landmarks):
    assert kept(photographs, **conditions) == landmarks


def test_rows_keep_their_order_and_are_renumbered(photographs):
    chosen = select(photographs, Selection(landmarks=(3,)))
    assert chosen["id"].tolist() == ["i2", "i6", "i10"]
    assert chosen.index.tolist() == [0, 1, 2]


def test_nothing_left_is_an_error(photographs):
    with pytest.raises(ValueError, match=r"no class is left of 4, the largest with 5 photographs: .*min_images=6"):
        select(photographs, Selection(min_images=6))


def test_a_listed_landmark_must_exist(photographs):
    with pytest.raises(ValueError, match="2 listed landmarks have no photograph, the first is 4"):
        select(photographs, Selection(landmarks=(1, 4, 5)))


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"min_images": -1}, "min_images=-1: must be 0"),
        ({"top_classes": -1}, "top_classes=-1"),
        ({"min_images": 5, "max_images": 4}, "max_images=4 is below min_images=5"),
        ({"first_landmark": 5, "last_landmark": 4}, "first_landmark=5 is above last_landmark=4"),
        ({"landmarks": (1, 1)}, "a landmark is listed twice"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(conditions, message):
    with pytest.raises(ValueError, match=message):
        Selection(**conditions)


def test_class_counts_of_seed_002(photographs):
    # Its "classes with at least 6 images" and "top 12" on a long tail, recomputed by counting.
    rng = np.random.default_rng(0)
    landmarks = rng.zipf(1.5, 3000) % 400
    table = pd.DataFrame({"id": [str(n) for n in range(3000)], "landmark_id": landmarks})
    sizes = table["landmark_id"].value_counts()
    assert len(select(table, Selection(min_images=6))) == sizes[sizes >= 6].sum()
    assert len(select(table, Selection(top_classes=12))) == sizes.nlargest(12).sum()


@pytest.fixture
def long_tail() -> pd.DataFrame:
    landmarks = np.repeat(np.arange(40), np.arange(1, 41))
    ids = [f"p{number}" for number in range(len(landmarks))]
    return pd.DataFrame({"id": ids, "landmark_id": landmarks}).sample(frac=1, random_state=0, ignore_index=True)


def test_at_most_n_photographs_of_a_class(long_tail):
    chosen = select(long_tail, Selection(images_per_class=5), seed=1)
    assert chosen["landmark_id"].value_counts().sort_index().tolist() == [1, 2, 3, 4, *[5] * 36]
    assert chosen["id"].tolist() == [image for image in long_tail["id"] if image in set(chosen["id"])]


def test_sizes_are_those_before_photographs_are_drawn(long_tail):
    chosen = select(long_tail, Selection(min_images=30, images_per_class=2))
    assert chosen["landmark_id"].nunique() == 11
    assert len(chosen) == 22


@pytest.mark.parametrize("conditions", [{"sample_classes": 7}, {"images_per_class": 3}, {"sample_images": 50}])
def test_lots_follow_from_ids_and_the_seed_alone(long_tail, conditions):
    first, other_seed = (select(long_tail, Selection(**conditions), seed) for seed in (0, 1))
    mixed = select(long_tail.iloc[::-1].reset_index(drop=True), Selection(**conditions), 0)
    assert set(first["id"]) == set(mixed["id"])
    assert set(first["id"]) != set(other_seed["id"])


def test_samples_have_the_size_asked_for(long_tail):
    assert select(long_tail, Selection(sample_classes=7))["landmark_id"].nunique() == 7
    assert len(select(long_tail, Selection(sample_images=50))) == 50
    assert len(select(long_tail, Selection(sample_images=9999))) == len(long_tail)


def test_a_larger_sample_holds_the_smaller_one(long_tail):
    small, large = (set(select(long_tail, Selection(sample_images=count))["id"]) for count in (50, 90))
    assert small < large


def test_a_sample_of_photographs_may_hold_ones_without_a_landmark(photographs):
    assert -1 in set(select(photographs, Selection(sample_images=13))["landmark_id"])
    assert -1 not in set(select(photographs, Selection(sample_images=13, min_images=1))["landmark_id"])


def test_bins_of_seed_000(long_tail):
    bins = class_size_bins(long_tail, (30, 15))
    assert list(bins) == ["30_and_more", "15_to_29"]
    assert sorted(set(bins["30_and_more"]["landmark_id"])) == list(range(29, 40))
    assert sorted(set(bins["15_to_29"]["landmark_id"])) == list(range(14, 29))


def test_any_number_of_bins_and_no_class_in_two(long_tail):
    bins = class_size_bins(long_tail, (40, 30, 20, 10, 1))
    assert list(bins) == ["40_and_more", "30_to_39", "20_to_29", "10_to_19", "1_to_9"]
    assert sum(map(len, bins.values())) == len(long_tail)
    assert sum(rows["landmark_id"].nunique() for rows in bins.values()) == 40


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ((), "bins : give falling class sizes"),
        ((15, 30), "bins 15,30: give falling"),
        ((30, 30), "bins 30,30: give falling"),
        ((30, 0), "bins 30,0: give falling class sizes of 1 and more"),
        ((99, 15), "bin 99_and_more is empty: no class is left of 40"),
    ],
)
def test_bins_that_make_no_sense_are_refused(long_tail, thresholds, message):
    with pytest.raises(ValueError, match=message):
        class_size_bins(long_tail, thresholds)

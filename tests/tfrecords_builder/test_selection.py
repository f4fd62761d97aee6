import numpy as np
import pandas as pd
import pytest

from tfrecords_builder.selection import EVERYTHING, Selection, select


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

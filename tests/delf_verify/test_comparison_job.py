import numpy as np
import pandas as pd

from delf_verify.comparison_job import Comparison, choose_index_images, plan_comparisons


def index(count: int) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"image{number}" for number in range(count)], "landmark_id": 5})


def test_all_images_are_taken_without_a_limit() -> None:
    table = pd.DataFrame({"id": ["c", "a", "b", "x"], "landmark_id": [1, 1, 2, -1]})
    assert choose_index_images(table, None) == {1: ("a", "c"), 2: ("b",)}


def test_a_new_photograph_changes_the_choice_by_at_most_one() -> None:
    for count in range(10, 40):
        before = set(choose_index_images(index(count), 6)[5])
        after = set(choose_index_images(index(count + 1), 6)[5])
        assert len(before) == len(after) == 6
        assert len(before - after) <= 1


def test_the_choice_does_not_depend_on_the_order() -> None:
    table = index(30)
    shuffled = table.iloc[np.random.default_rng(0).permutation(30)]
    assert choose_index_images(table, 6) == choose_index_images(shuffled, 6)


def test_the_plan_leaves_out_what_cannot_be_compared() -> None:
    predictions = pd.DataFrame({"id": ["q1", "q2", "q3", "q4"], "landmark_id": [1, 1, 2, 3]})
    plan = plan_comparisons(predictions, {1: ("a",), 2: ()}, frozenset({"q2"}))
    assert plan == [Comparison(1, ("q1",), ("a",))]


def test_long_lists_are_cut_into_parts() -> None:
    predictions = pd.DataFrame({"id": [f"q{number}" for number in range(40)], "landmark_id": 1})
    plan = plan_comparisons(predictions, {1: ("a",)}, frozenset())
    assert [len(part.query_ids) for part in plan] == [16, 16, 8]

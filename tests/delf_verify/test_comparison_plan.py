from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from delf_verify.comparison_plan import (
    Comparison,
    IndexChoice,
    choose_index_images,
    cut_into_parts,
    layout_digest,
    plan_comparisons,
    plan_digest,
)

READABLE: dict[str, frozenset[str]] = {"query": frozenset(), "index": frozenset()}


def index(count: int) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"image{number}" for number in range(count)], "landmark_id": 5})


def predictions(*rows: tuple[str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["id", "landmark_id"]).assign(score=0.5)


def test_all_images_are_taken_without_a_limit() -> None:
    table = pd.DataFrame({"id": ["c", "a", "b", "x"], "landmark_id": [1, 1, 2, -1]})
    assert choose_index_images(table, None).by_landmark == {1: ("a", "c"), 2: ("b",)}


def test_a_new_photograph_changes_the_choice_by_at_most_one() -> None:
    for count in range(10, 40):
        before = set(choose_index_images(index(count), 6).of("q", 5))
        after = set(choose_index_images(index(count + 1), 6).of("q", 5))
        assert len(before) == len(after) == 6
        assert len(before - after) <= 1


def test_the_choice_does_not_depend_on_the_order() -> None:
    table = index(30)
    shuffled = table.iloc[np.random.default_rng(0).permutation(30)]
    assert choose_index_images(table, 6) == choose_index_images(shuffled, 6)


def test_images_of_its_own_come_first_and_keep_their_order() -> None:
    own = {("q", 5): ["image7", "image0", "image3"]}
    choice = choose_index_images(index(30), 2, own)
    assert choice.of("q", 5) == ("image7", "image0")
    assert choice.of("other", 5) == choose_index_images(index(30), 2).of("other", 5)
    assert choice.of("q", 6) == ()


@pytest.mark.parametrize("ids", [["image1", "elsewhere"], ["image1", "image1"]])
def test_images_of_another_landmark_are_refused(ids: list[str]) -> None:
    with pytest.raises(ValueError, match=r"images chosen for query 'q' and landmark 5: \['"):
        choose_index_images(index(3), None, {("q", 5): ids})


def test_the_plan_leaves_out_what_cannot_be_compared() -> None:
    table = predictions(("q1", 1), ("q2", 1), ("q3", 2), ("q4", 3))
    choice = IndexChoice({1: ("a", "b"), 2: ("c",)})
    unreadable = {"query": {"q2"}, "index": {"b", "c"}}
    assert plan_comparisons(table, choice, unreadable) == [Comparison(1, ("q1",), ("a",))]


def test_every_query_is_compared_with_its_own_images() -> None:
    table = predictions(("q1", 1), ("q2", 1), ("q3", 1))
    choice = IndexChoice({1: ("a", "b")}, {("q2", 1): ("b", "a")})
    plan = plan_comparisons(table, choice, READABLE, with_scores=True)
    assert plan == [
        Comparison(1, ("q1", "q3"), ("a", "b"), (0.5, 0.5)),
        Comparison(1, ("q2",), ("b", "a"), (0.5,)),
    ]


def test_long_lists_are_cut_into_pieces_of_work() -> None:
    table = predictions(*((f"q{number}", 1) for number in range(40)))
    few, many = (plan_comparisons(table, IndexChoice({1: images}), READABLE) for images in (("a",), ("a",) * 300))
    assert [len(piece.query_ids) for piece in few] == [16, 16, 8]
    assert max(piece.num_pairs for piece in many) <= 1000
    assert [query for piece in many for query in piece.query_ids] == list(table["id"])


def test_parts_hold_the_plan_in_its_order_and_are_neither_long_nor_many() -> None:
    generator = np.random.default_rng(0)
    plan = [
        Comparison(number, tuple(f"q{n}" for n in range(generator.integers(1, 17))), ("i",) * generator.integers(1, 60))
        for number in range(500)
    ] + [Comparison(999, ("q",), ("i",) * 5000)]
    parts = cut_into_parts(plan)
    assert [comparison for part in parts for comparison in part] == plan
    pairs = [sum(comparison.num_pairs for comparison in part) for part in parts]
    assert max(pairs[:-1]) <= 1000 and pairs[-1] == 5000
    assert all(one + other > 1000 for one, other in pairwise(pairs))
    assert cut_into_parts([]) == []


def test_the_digest_tells_plans_apart() -> None:
    plans = [
        [],
        [Comparison(1, ("a",), ("b",))],
        [Comparison(1, ("a", "b"), ("b",))],
        [Comparison(1, ("a",), ("b",), (0.5,))],
        [Comparison(1, ("a",), ("b", "c"))],
        [Comparison(1, ("a",), ("c", "b"))],
        [Comparison(1, ("a",), ("b",)), Comparison(1, ("a",), ("b",))],
    ]
    assert len({plan_digest(plan) for plan in plans}) == len(plans)
    assert plan_digest(plans[1]) == plan_digest([Comparison(1, ("a",), ("b",))])


def test_the_digest_of_a_plan_does_not_depend_on_its_pieces() -> None:
    whole = [Comparison(1, ("a", "b", "c"), ("i",), (0.1, 0.2, 0.3)), Comparison(2, ("a",), ("j",))]
    pieces = [Comparison(1, ("a",), ("i",), (0.1,)), Comparison(1, ("b", "c"), ("i",), (0.2, 0.3)), whole[1]]
    assert plan_digest(whole) == plan_digest(pieces)
    assert layout_digest([whole]) != layout_digest([pieces])
    assert layout_digest([whole]) != layout_digest([whole[:1], whole[1:]])

import numpy as np
import pandas as pd
import pytest

from delf_verify.evidence import ImageEvidence, QueryEvidence
from delf_verify.report_cards import CardMaker, card_places, choose_cards, chosen_rows
from delf_verify.report_model import truth_of_rows
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
CANDIDATES = pd.DataFrame(
    [
        ["a", 1, 0.9, "wrong", 6.0, 6.0, 0.1, 0.1, 0.2, 1, "x", "r"],
        ["a", 2, 0.5, "confirmed", 50.0, 9.0, 0.8, 0.5, 0.9, 1, "y", "r"],
        ["b", 1, 0.4, "distractor", 3.0, 3.0, 0.1, 0.1, 0.1, 1, "x", "r"],
        ["a", 3, 0.7, "unverified", np.nan, np.nan, np.nan, np.nan, np.nan, 0, "", "r"],
    ],
    columns=VERIFIED_COLUMNS,
)


def test_cards_show_every_kind_before_a_second_of_one() -> None:
    truths = truth_of_rows(VERIFIED, TRUTH)
    assert choose_cards(VERIFIED, truths, 10) == [0, 1, 3, 2]
    assert choose_cards(VERIFIED, truth_of_rows(VERIFIED, None), 10) == [0, 3, 2, 1]
    assert choose_cards(VERIFIED, truths, 2) == [0, 1]
    assert choose_cards(VERIFIED.head(0), truths[:0], 5) == []


@pytest.mark.parametrize("unknown", [[], ["probability"], ["probability", "max_inliers", "score"]])
def test_one_card_a_query(unknown: list[str]) -> None:
    table = CANDIDATES.assign(**dict.fromkeys(unknown, np.nan))
    assert chosen_rows(table).tolist() == [False, True, True, False]
    assert card_places(CANDIDATES, [1, 2]).tolist() == [1, 1, 2, 1]


def test_a_confirmed_candidate_is_shown_before_a_more_probable_one() -> None:
    table = CANDIDATES.assign(probability=[0.95, 0.9, 0.1, np.nan])
    assert chosen_rows(table).tolist() == [False, True, True, False]
    table = table.assign(verdict="wrong")
    assert chosen_rows(table).tolist() == [True, False, True, False]


def test_a_card_names_the_other_candidates_and_the_best_images() -> None:
    maker = CardMaker(CANDIDATES, truth_of_rows(CANDIDATES, None), {1: "arch\u202e"})
    evidence = QueryEvidence.of(tuple(ImageEvidence(f"image{number}", 60, number, 0.5) for number in range(9)))
    card = maker.make(1, 1, evidence)
    assert maker.key(1) == ("a", 2)
    assert [(one.name, one.score, one.max_inliers, one.kept) for one in card.others] == [
        ("arch⟨U+202E⟩", 0.9, 6.0, False),
        ("landmark 3", 0.7, None, False),
    ]
    assert card.shown.kept
    assert not maker.make(2, 2, evidence).shown.kept, "there is nothing to choose from"
    assert [image.image_id for image in card.images] == [f"image{number}" for number in range(8, 2, -1)]
    assert (card.more_images, card.more_others) == (3, 0)
    assert card.reason == "R."

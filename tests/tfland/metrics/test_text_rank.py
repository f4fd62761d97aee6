"""Ranks of texts against sorting the texts."""

import numpy as np
import pytest

from tfland.metrics.text_rank import rank_texts


def slow_ranks(texts: list[str]) -> list[int]:
    places = {text: place for place, text in enumerate(sorted(set(texts)))}
    return [places[text] for text in texts]


@pytest.mark.parametrize("alphabet", ["ab", "0123456789abcdef", "aZ_-.09", "aé中\U0001f600z"])
@pytest.mark.parametrize("longest", [1, 7, 8, 9, 16, 40])
@pytest.mark.parametrize("same_length", [True, False])
def test_against_sorting(alphabet: str, longest: int, same_length: bool) -> None:
    rng = np.random.default_rng([longest, len(alphabet)])
    lengths = np.full(200, longest) if same_length else rng.integers(1, longest + 1, 200)
    texts = ["".join(rng.choice(list(alphabet), length)) for length in lengths]
    assert rank_texts(np.array(texts, dtype=object)).tolist() == slow_ranks(texts)


def test_texts_that_differ_late_and_prefixes() -> None:
    texts = ["x" * 30 + "b", "x" * 30 + "a", "x" * 30, "x", "x" * 30 + "a"]
    assert rank_texts(np.array(texts)).tolist() == slow_ranks(texts)


def test_lengths_that_would_even_out() -> None:
    """Three texts of four characters on average are not three texts of four characters."""
    texts = ["aa", "aaaa", "aaaaaa"]
    assert rank_texts(np.array(texts)).tolist() == [0, 1, 2]
    assert rank_texts(np.array(texts[::-1])).tolist() == [2, 1, 0]


def test_degenerate() -> None:
    assert rank_texts(np.array([], dtype=object)).tolist() == []
    assert rank_texts(np.array(["same"] * 3)).tolist() == [0, 0, 0]
    assert rank_texts(np.array(["", "a", ""])).tolist() == [0, 1, 0]
    assert rank_texts(np.array([""])).tolist() == [0]

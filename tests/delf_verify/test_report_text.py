import pytest

from delf_verify.decision import Thresholds
from delf_verify.probability import ProbabilityModel
from delf_verify.report_text import rule_in_words, sentence, visible


@pytest.mark.parametrize(
    "text", ["", "tower", "Brücke von Łódź", "برج إيفل", "नई दिल्ली", "می‌خواهم", "👨‍👩‍👧", "a'b\"<c>&"]
)
def test_words_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    "code", [0, 0x0A, 0x1B, 0x7F, 0x85, 0x200B, 0x200F, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xD800, 0xE0041]
)
def test_what_cannot_be_seen_is_written_out(code: int) -> None:
    shown = visible(f"a{chr(code)}b")
    assert shown == f"a⟨U+{code:04X}⟩b"
    assert shown.encode()


def test_a_very_long_text_loses_its_middle() -> None:
    assert visible("x" * 300) == "x" * 300
    shown = visible("a" * 500 + "z" * 500)
    assert len(shown) < 300
    assert shown.startswith("aaa") and "zzz (1000 characters)" in shown


def test_sentences() -> None:
    assert [sentence(text) for text in ("it agrees", "It agrees.", "")] == ["It agrees.", "It agrees.", "."]


def test_the_rule_in_words() -> None:
    words = rule_in_words(Thresholds(max_inliers=60, mean_inliers=40, distractor_inliers=20))
    assert "at least 60 inliers" in words["confirmed"] and "more than 40 on average" in words["confirmed"]
    assert "fewer than 20" in words["distractor"] and "20 inliers or more" in words["wrong"]
    pair = ProbabilityModel(
        method="logistic", inputs=("num_inliers",), coefficients=(1.0,), lows=(0.0,), highs=(9.0,), intercept=0.0
    )
    calibrated = rule_in_words(Thresholds(pair=pair, confirmed_probability=0.875))
    assert calibrated["confirmed"].startswith("a probability of at least 87.5% that")

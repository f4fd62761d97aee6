"""Words of a report: text from data made harmless to read, and the decision rule as sentences."""

import re

from delf_verify.decision import Thresholds, Verdict

# No file has a longer name; a longer text is no name, and a page must not grow with it.
_LONGEST, _HEAD, _TAIL = 300, 180, 60
# Controls, and what is invisible or changes the order of the text around it. Joiners (200C, 200D) belong to words of
# Persian and Hindi, the variation selectors to emoji: they stay. Lone surrogates cannot be written as UTF-8.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text with every invisible character written out (⟨U+202E⟩) and the middle of a very long one left out."""
    if len(text) > _LONGEST:
        text = f"{text[:_HEAD]} … {text[-_TAIL:]} ({len(text)} characters)"
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def sentence(text: str) -> str:
    """Begins with a capital letter and ends with a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def rule_in_words(thresholds: Thresholds) -> dict[str, str]:
    """Verdict -> when it is given, by the rule that was applied.

    Args:
        thresholds: of `delf_verify.decision.decide`.
    """
    numbers = (
        f"at least {_short(thresholds.max_inliers)} inliers with one index photograph, or more than "
        f"{_short(thresholds.mean_inliers)} on average over all that were compared"
    )
    if thresholds.confirmed_probability is not None:
        numbers = (
            f"a probability of at least {thresholds.confirmed_probability:.1%} that the landmark is right; where no "
            f"probability can be told, {numbers}"
        )
    least = _short(thresholds.distractor_inliers)
    return {
        Verdict.CONFIRMED.value: numbers,
        Verdict.WRONG.value: f"not confirmed, but {least} inliers or more on average: probably another landmark",
        Verdict.DISTRACTOR.value: f"not confirmed, and fewer than {least} inliers on average: no landmark in sight",
        Verdict.UNVERIFIED.value: "nothing could be compared; the prediction keeps its score",
    }


def _short(value: float) -> str:
    return f"{value:.4g}"

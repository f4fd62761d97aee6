"""What a report shows, as plain values for its templates; nothing here knows HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.decision import Thresholds, Verdict
from delf_verify.report_text import rule_in_words, visible
from tfrecords_builder.schema import ID, LANDMARK, LANDMARKS, NO_LANDMARK_ID

RIGHT, OTHER_LANDMARK, NO_LANDMARK, UNKNOWN = "right", "other landmark", "no landmark", ""
TRUTHS = (RIGHT, OTHER_LANDMARK, NO_LANDMARK)
_BINS, _PROBABILITY_BINS = 30, 20


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One headline figure.

    Attributes:
        label: what it is.
        value: as text.
        before: what it was before verification, as text, or "".
        note: a few words of context, or "".
        good: whether it deserves the accent colour.
    """

    label: str
    value: str
    before: str = ""
    note: str = ""
    good: bool = False


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Bars of one number, a row of them for each group.

    Attributes:
        groups: their names.
        by_truth: whether they are TRUTHS; else verdicts.
        counts: [groups][bins] predictions.
        places: [bins + 1] ends of the bars along the axis, 0 to 1.
        ticks: (text, place along the axis).
        cut: (text, place) of where the rule confirms, or None.
    """

    groups: tuple[str, ...]
    by_truth: bool
    counts: tuple[tuple[int, ...], ...]
    places: tuple[float, ...]
    ticks: tuple[tuple[str, float], ...]
    cut: tuple[str, float] | None

    @property
    def rows(self) -> list[tuple[str, int, list[tuple[float, float, float, int]]]]:
        """(group, its predictions, its bars: left end, width, height relative to its highest bar, count)."""
        return [
            (
                group,
                sum(bars),
                [
                    (self.places[place], self.places[place + 1] - self.places[place], count / max(bars), count)
                    for place, count in enumerate(bars)
                    if count
                ],
            )
            for group, bars in zip(self.groups, self.counts, strict=True)
        ]


def truth_of_rows(verified: pd.DataFrame, truth: pd.DataFrame | None) -> NDArray[np.object_]:
    """[rows] of RIGHT, OTHER_LANDMARK, NO_LANDMARK or UNKNOWN (no truth, or no prediction).

    Args:
        verified: columns id and landmark_id.
        truth: columns id and landmarks (tuples), as `catalog.read_solution` gives them.
    """
    if truth is None:
        return np.full(len(verified), UNKNOWN, dtype=object)
    shown = dict(zip(truth[ID], truth[LANDMARKS], strict=True))
    found = []
    for query, landmark in zip(verified[ID], verified[LANDMARK], strict=True):
        if query not in shown or landmark == NO_LANDMARK_ID:
            found.append(UNKNOWN)
        elif not shown[query]:
            found.append(NO_LANDMARK)
        else:
            found.append(RIGHT if landmark in shown[query] else OTHER_LANDMARK)
    return np.array(found, dtype=object)


def tiles(figures: Mapping[str, Any]) -> list[Tile]:
    """The headline figures that `figures` holds; the keys are those of summary.json."""
    found = []
    if "gap_verified" in figures and "gap_classifier" in figures:
        before, after = float(figures["gap_classifier"]), float(figures["gap_verified"])
        note = f"{after - before:+.3f} by verification"
        if isinstance(gain := figures.get("gap_gain"), Mapping):
            note += f"; {float(gain['level']):.0%} interval {float(gain['low']):+.3f} to {float(gain['high']):+.3f}"
        found.append(
            Tile(
                label="GAP before and after verification",
                value=f"{after:.3f}",
                before=f"{before:.3f}",
                note=note,
                good=after > before,
            )
        )
    shares = (
        ("distractors_rejected", "Distractors rejected", "photographs of no landmark whose prediction was dropped"),
        ("true_kept", "True predictions kept", "right predictions that stayed"),
        ("top1", "Top-1", "of the landmark queries, before verification"),
    )
    found += [
        Tile(label=label, value=f"{float(figures[key]):.1%}", note=note)
        for key, label, note in shares
        if key in figures
    ]
    if "self_verified_gap" in figures:
        value = f"{float(figures['self_verified_gap']):.3f}"
        found.append(
            Tile(label="Self-verified GAP", value=value, note="the verifier's own verdicts stand in for labels")
        )
    return found


def verdict_counts(verified: pd.DataFrame, truths: NDArray[np.object_], thresholds: Thresholds) -> list[dict[str, Any]]:
    """For every verdict when it is given, its number, its share and how it splits by truth."""
    rows, rule = [], rule_in_words(thresholds)
    for verdict in Verdict:
        mask = (verified["verdict"] == verdict.value).to_numpy()
        rows.append(
            {
                "verdict": verdict.value,
                "rule": rule[verdict.value],
                "count": int(mask.sum()),
                "share": float(mask.mean()) if len(mask) else 0.0,
                "by_truth": [int((truths[mask] == truth).sum()) for truth in TRUTHS],
            }
        )
    return rows


def inlier_histogram(verified: pd.DataFrame, truths: NDArray[np.object_], thresholds: Thresholds) -> Histogram | None:
    """Inliers with the best index image, on an axis that grows with the square root; None if nothing was compared.

    Few inliers decide, many may occur: the square root gives both their room, and bars there are of equal width.
    """
    top = max(_BINS, int(np.nan_to_num(verified["max_inliers"].to_numpy(np.float64)).max(initial=0)) + 1)
    edges = np.unique(np.round(np.linspace(0, 1, _BINS + 1) ** 2 * top))
    ticks = [tick for tick in (1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if tick < 0.9 * top]
    cut = None if thresholds.confirmed_probability is not None else thresholds.max_inliers
    return _histogram(
        verified["max_inliers"],
        verified,
        truths,
        edges=edges,
        places=np.sqrt(edges / top),
        ticks=tuple((f"{tick:,}", float(np.sqrt(tick / top))) for tick in (0, *ticks)),
        cut=None if cut is None or cut > top else (f"confirmed from {cut:.4g}", float(np.sqrt(cut / top))),
    )


def probability_histogram(
    verified: pd.DataFrame, truths: NDArray[np.object_], thresholds: Thresholds
) -> Histogram | None:
    """Probability that the prediction is right; None if it is not known of any."""
    edges = np.linspace(0, 1, _PROBABILITY_BINS + 1)
    cut = thresholds.confirmed_probability
    return _histogram(
        verified["probability"],
        verified,
        truths,
        edges=edges,
        places=edges,
        ticks=tuple((f"{share:.0%}", share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        cut=None if cut is None else (f"confirmed from {cut:.3g}", cut),
    )


def _histogram(
    values: pd.Series,
    verified: pd.DataFrame,
    truths: NDArray[np.object_],
    *,
    edges: NDArray[np.float64],
    places: NDArray[np.float64],
    ticks: tuple[tuple[str, float], ...],
    cut: tuple[str, float] | None,
) -> Histogram | None:
    """A row of bars by truth where it is known, else by verdict."""
    numbers = values.to_numpy(np.float64)
    known = ~np.isnan(numbers)
    if not known.any():
        return None
    by_truth = bool((truths[known] != UNKNOWN).any())
    groups = TRUTHS if by_truth else tuple(verdict.value for verdict in Verdict if verdict is not Verdict.UNVERIFIED)
    labels = truths if by_truth else verified["verdict"].to_numpy(object)
    counts = tuple(tuple(np.histogram(numbers[known & (labels == group)], edges)[0].tolist()) for group in groups)
    return Histogram(
        groups=groups, by_truth=by_truth, counts=counts, places=tuple(places.tolist()), ticks=ticks, cut=cut
    )


def seconds_bars(figures: Mapping[str, Any]) -> Sequence[tuple[str, float, float]]:
    """(stage, seconds, share of the longest) of the run that `figures` describe."""
    seconds = figures.get("seconds")
    if not isinstance(seconds, Mapping) or not seconds:
        return []
    longest = max(float(value) for value in seconds.values()) or 1.0
    return [(visible(str(name)), float(value), float(value) / longest) for name, value in seconds.items()]

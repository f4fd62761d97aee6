"""What a report shows, as plain values for its templates; nothing here knows HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.decision import Thresholds, Verdict
from tfrecords_builder.schema import ID, LANDMARK, LANDMARKS, NO_LANDMARK_ID, REASON, SCORE

RIGHT, OTHER_LANDMARK, NO_LANDMARK, UNKNOWN = "right", "other landmark", "no landmark", ""
TRUTHS = (RIGHT, OTHER_LANDMARK, NO_LANDMARK)
VERDICT_MEANINGS = {
    Verdict.CONFIRMED: "the geometry of index photographs agrees",
    Verdict.WRONG: "something agrees, but too little: another landmark",
    Verdict.DISTRACTOR: "nothing agrees: no landmark in sight",
    Verdict.UNVERIFIED: "nothing could be compared; the prediction keeps its score",
}
_BINS = 30


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One headline figure.

    Attributes:
        label: what it is.
        value: as text.
        note: a few words of context, or "".
        good: whether it deserves the accent colour.
    """

    label: str
    value: str
    note: str = ""
    good: bool = False


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Bars of the largest number of inliers, one group over the other.

    Attributes:
        groups: their names.
        counts: [groups][bins] predictions.
        top: the right end of the axis, in inliers; the last bar holds everything beyond it.
        threshold: where the rule confirms.
    """

    groups: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    top: float
    threshold: float

    @property
    def highest(self) -> int:
        """The count of the highest bar, at least 1."""
        return max(1, *(count for bars in self.counts for count in bars))


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
        note = f"{after - before:+.3f} against {before:.3f} of the classifier alone"
        if isinstance(gain := figures.get("gap_gain"), Mapping):
            note += f"; {float(gain['level']):.0%} interval {float(gain['low']):+.3f} to {float(gain['high']):+.3f}"
        found.append(Tile(label="GAP after verification", value=f"{after:.3f}", note=note, good=after > before))
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


def verdict_counts(verified: pd.DataFrame, truths: NDArray[np.object_]) -> list[dict[str, Any]]:
    """For every verdict its meaning, its number, its share and how it splits by truth."""
    rows = []
    for verdict in Verdict:
        mask = (verified["verdict"] == verdict.value).to_numpy()
        rows.append(
            {
                "verdict": verdict.value,
                "meaning": VERDICT_MEANINGS[verdict],
                "count": int(mask.sum()),
                "share": float(mask.mean()) if len(mask) else 0.0,
                "by_truth": [int((truths[mask] == truth).sum()) for truth in TRUTHS],
            }
        )
    return rows


def histogram(verified: pd.DataFrame, truths: NDArray[np.object_], thresholds: Thresholds) -> Histogram | None:
    """Bars of the compared predictions by truth where it is known, else by verdict; None if there are none."""
    inliers = verified["max_inliers"].to_numpy(np.float64)
    compared = ~np.isnan(inliers)
    if not compared.any():
        return None
    known = bool((truths != UNKNOWN).any())
    groups = TRUTHS if known else tuple(verdict.value for verdict in Verdict if verdict is not Verdict.UNVERIFIED)
    labels = truths if known else verified["verdict"].to_numpy(object)
    top = float(np.ceil(max(np.quantile(inliers[compared], 0.9), 2 * thresholds.max_inliers, _BINS) / _BINS) * _BINS)
    edges = np.linspace(0, top, _BINS + 1)
    counts = tuple(
        tuple(np.histogram(np.minimum(inliers[compared & (labels == group)], top), edges)[0].tolist())
        for group in groups
    )
    return Histogram(groups=groups, counts=counts, top=top, threshold=thresholds.max_inliers)


def choose_cards(verified: pd.DataFrame, truths: NDArray[np.object_], limit: int) -> list[int]:
    """Row numbers of the predictions whose evidence is drawn: of every kind in turn, the highest score first.

    A kind is a verdict together with the truth, so that mistakes are as visible as successes.

    Args:
        verified: the table.
        truths: from `truth_of_rows`.
        limit: how many at most.
    """
    order = np.argsort(-verified[SCORE].fillna(-np.inf).to_numpy(), kind="stable")
    drawable = verified["best_image_id"].to_numpy(object) != ""
    kinds: dict[tuple[str, str], list[int]] = {}
    for row in order[drawable[order]]:
        kinds.setdefault((verified["verdict"].iloc[row], truths[row]), []).append(int(row))
    queues = [kinds[kind] for kind in sorted(kinds, key=_kind_rank)]
    chosen: list[int] = []
    for turn in range(max(map(len, queues), default=0)):
        chosen += [queue[turn] for queue in queues if turn < len(queue)]
    return chosen[:limit]


def _kind_rank(kind: tuple[str, str]) -> tuple[int, int]:
    return [verdict.value for verdict in Verdict].index(kind[0]), (*TRUTHS, UNKNOWN).index(kind[1])


def table_rows(
    verified: pd.DataFrame, truths: NDArray[np.object_], labels: Mapping[int, str], links: Mapping[int, str]
) -> list[list[Any]]:
    """The rows of the sortable table, small enough for 100,000 of them: see report.js for the order of the columns.

    The reason is given where the numbers do not say it, that is for unverified predictions.
    """
    verdicts = [verdict.value for verdict in Verdict]
    columns = [
        verified[ID],
        verified[LANDMARK],
        verified[SCORE],
        verified["verdict"],
        verified["max_inliers"],
        verified["mean_inliers"],
        verified["images_compared"],
        verified["best_image_id"],
        verified[REASON],
    ]
    rows = []
    for number, (query, landmark, score, verdict, largest, mean, compared, best, reason) in enumerate(
        zip(*columns, strict=True)
    ):
        rows.append(
            [
                query,
                None if landmark == NO_LANDMARK_ID else int(landmark),
                labels.get(int(landmark), ""),
                _number(score, 4),
                verdicts.index(verdict),
                _number(largest, 0),
                _number(mean, 2),
                int(compared),
                best,
                TRUTHS.index(truths[number]) if truths[number] in TRUTHS else -1,
                links.get(number, ""),
                reason if verdict == Verdict.UNVERIFIED.value else "",
            ]
        )
    return rows


def _number(value: float, digits: int) -> float | int | None:
    if np.isnan(value):
        return None
    return int(value) if digits == 0 else round(float(value), digits)


def seconds_bars(figures: Mapping[str, Any]) -> Sequence[tuple[str, float, float]]:
    """(stage, seconds, share of the longest) of the run that `figures` describe."""
    seconds = figures.get("seconds")
    if not isinstance(seconds, Mapping) or not seconds:
        return []
    longest = max(float(value) for value in seconds.values()) or 1.0
    return [(str(name), float(value), float(value) / longest) for name, value in seconds.items()]

"""The evidence cards of a report: which predictions are shown, and what a card says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.decision import Verdict
from delf_verify.evidence import QueryEvidence
from delf_verify.report_model import TRUTHS, UNKNOWN
from delf_verify.report_text import sentence, visible
from delf_verify.reranking import rerank
from tfrecords_builder.schema import ID, LANDMARK, REASON, SCORE

_MOST_IMAGES, _MOST_CANDIDATES = 6, 8


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Another landmark that was proposed for the same query.

    Attributes:
        name: of the landmark, or "landmark 17".
        landmark_id: its number.
        score: of the classifier, or None.
        verdict: on it.
        max_inliers: with its best index image, or None.
        probability: that it is right, or None.
        truth: of TRUTHS, or "".
        kept: whether re-ranking keeps it, of several candidates.
    """

    name: str
    landmark_id: int
    score: float | None
    verdict: str
    max_inliers: float | None
    probability: float | None
    truth: str
    kept: bool


@dataclass(frozen=True, kw_only=True)
class IndexImage:
    """An index image that was compared.

    Attributes:
        image_id: its id.
        num_putative: features that look alike.
        num_inliers: those of them that agree on one map.
        spread: how much of the photographs they cover, 0 to 1.
    """

    image_id: str
    num_putative: int
    num_inliers: int
    spread: float


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a card says; texts are harmless to read, but not yet escaped.

    Attributes:
        number: of the card, from 1.
        row: of the prediction in the table.
        query: id.
        reason: why it got its verdict.
        mean_inliers: over the index images.
        images_compared: how many index images.
        images: the best of them first.
        more_images: how many were compared beside these.
        shown: the prediction itself, in the words of a candidate.
        others: other landmarks proposed for the query, the highest score first.
        more_others: how many there are beside these.
    """

    number: int
    row: int
    query: str
    reason: str
    mean_inliers: float
    images_compared: int
    images: tuple[IndexImage, ...]
    more_images: int
    shown: Candidate
    others: tuple[Candidate, ...]
    more_others: int


def chosen_rows(verified: pd.DataFrame) -> NDArray[np.bool_]:
    """[rows] whether a prediction is the one that is shown of its query; all where a query has one prediction.

    Of several candidates that were compared with something: a confirmed one before others, then in the order of
    `delf_verify.reranking`.
    """
    columns = ("probability", "max_inliers", "mean_inliers", SCORE)
    descending = [-verified[name].fillna(-np.inf).to_numpy(np.float64) for name in columns]
    compared = (verified["best_image_id"] != "").to_numpy()
    confirmed = (verified["verdict"] == Verdict.CONFIRMED.value).to_numpy()
    # np.lexsort goes by the last key first.
    order = np.lexsort((verified[LANDMARK].to_numpy(), *descending[::-1], ~confirmed, ~compared))
    mask = np.zeros(len(verified), dtype=bool)
    mask[order[~verified[ID].iloc[order].duplicated().to_numpy()]] = True
    return mask


def choose_cards(verified: pd.DataFrame, truths: NDArray[np.object_], limit: int) -> list[int]:
    """Row numbers of the predictions whose evidence is drawn: of every kind in turn, the highest score first.

    A kind is a verdict together with the truth, so that mistakes are as visible as successes.

    Args:
        verified: the table.
        truths: from `report_model.truth_of_rows`.
        limit: how many at most.
    """
    order = np.argsort(-verified[SCORE].fillna(-np.inf).to_numpy(), kind="stable")
    drawable = (verified["best_image_id"].to_numpy(object) != "") & chosen_rows(verified)
    verdicts = verified["verdict"].to_numpy(object)
    kinds: dict[tuple[str, str], list[int]] = {}
    for row in order[drawable[order]].tolist():
        kinds.setdefault((verdicts[row], truths[row]), []).append(row)
    queues = [kinds[kind] for kind in sorted(kinds, key=_kind_rank)]
    chosen: list[int] = []
    for turn in range(max(map(len, queues), default=0)):
        chosen += [queue[turn] for queue in queues if turn < len(queue)]
        if len(chosen) >= limit:
            break
    return chosen[:limit]


def _kind_rank(kind: tuple[str, str]) -> tuple[int, int]:
    return [verdict.value for verdict in Verdict].index(kind[0]), (*TRUTHS, UNKNOWN).index(kind[1])


class CardMaker:
    """Makes cards one by one, so that a hundred thousand of them need not be held.

    Args:
        verified: the table of predictions.
        truths: from `report_model.truth_of_rows`.
        labels: names of the landmarks.
    """

    def __init__(self, verified: pd.DataFrame, truths: NDArray[np.object_], labels: Mapping[int, str]) -> None:
        self._truths, self._labels = truths, labels
        self._columns = {name: verified[name].to_numpy() for name in verified.columns}
        repeated = np.flatnonzero(verified.duplicated(ID, keep=False))
        self._rows_of: dict[str, list[int]] = {}
        for row in repeated.tolist():
            self._rows_of.setdefault(self._columns[ID][row], []).append(row)
        place = "place of a row"
        self._kept = frozenset(rerank(verified.assign(**{place: range(len(verified))}).iloc[repeated])[place].tolist())

    def key(self, row: int) -> tuple[str, int]:
        """(query, landmark) of a row."""
        return self._columns[ID][row], int(self._columns[LANDMARK][row])

    def make(self, number: int, row: int, evidence: QueryEvidence) -> Card:
        """The card of a row that was compared with something.

        Args:
            number: of the card.
            row: of the table.
            evidence: on its prediction.
        """
        images = sorted(evidence.images, key=lambda image: (-image.num_inliers, -image.num_putative, image.image_id))
        shown = [
            IndexImage(
                image_id=visible(image.image_id),
                num_putative=image.num_putative,
                num_inliers=image.num_inliers,
                spread=image.spread,
            )
            for image in images[:_MOST_IMAGES]
        ]
        scores = self._columns[SCORE]
        others = [other for other in self._rows_of.get(self._columns[ID][row], ()) if other != row]
        others.sort(key=lambda other: (-np.nan_to_num(scores[other], nan=-np.inf), other))
        return Card(
            number=number,
            row=row,
            query=visible(self._columns[ID][row]),
            reason=sentence(visible(self._columns[REASON][row])),
            mean_inliers=float(self._columns["mean_inliers"][row]),
            images_compared=int(self._columns["images_compared"][row]),
            images=tuple(shown),
            more_images=len(images) - len(shown),
            shown=self._candidate(row),
            others=tuple(self._candidate(other) for other in others[:_MOST_CANDIDATES]),
            more_others=max(0, len(others) - _MOST_CANDIDATES),
        )

    def _candidate(self, row: int) -> Candidate:
        landmark = int(self._columns[LANDMARK][row])
        return Candidate(
            name=visible(self._labels.get(landmark, "")) or f"landmark {landmark}",
            landmark_id=landmark,
            score=_known(self._columns[SCORE][row]),
            verdict=self._columns["verdict"][row],
            max_inliers=_known(self._columns["max_inliers"][row]),
            probability=_known(self._columns["probability"][row]),
            truth=self._truths[row],
            kept=row in self._kept,
        )


def card_places(verified: pd.DataFrame, cards: Sequence[int]) -> NDArray[np.int64]:
    """[rows] number of the card (from 1) that shows a row's query, 0 where there is none.

    Args:
        verified: the table.
        cards: rows of the cards, in their order.
    """
    numbers = {verified[ID].iloc[row]: number for number, row in enumerate(cards, start=1)}
    return np.array([numbers.get(query, 0) for query in verified[ID]], dtype=np.int64)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

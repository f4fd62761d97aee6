"""A verification as HTML pages that need nothing but a browser: figures, every prediction, drawn evidence.

The first page holds the figures, the first drawn pairs and the table of all predictions; further pairs follow on
evidence-002.html and so on, rows beyond 11 MB of text on predictions-002.html. Pictures are part of the pages, nothing
is loaded from anywhere. Whatever comes from data is escaped by the templates, and a content security policy lets no
script run but ours. The first page is written last: where it is, the report is whole. A killed run goes on after the
pages that are done.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify import report_model as model
from delf_verify.decision import Thresholds
from delf_verify.drawn_evidence import DRAWING_VERSION, DrawTask, MakeDrawer
from delf_verify.parallel import ordered_map
from delf_verify.report_cards import Card, CardMaker, card_places, choose_cards
from delf_verify.report_evidence import EvidenceTable
from delf_verify.report_pages import DrawnCard, PagePlan, PageWriter
from delf_verify.report_table import TableRows
from delf_verify.report_text import visible
from delf_verify.verified_files import read_record, read_refused, read_verified
from tfrecords_builder import terminal
from tfrecords_builder.schema import LANDMARK

_REFUSED_SHOWN = 200
_MOST_CARDS_PER_PAGE = 24


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """How large a report may be.

    Attributes:
        title: of the pages.
        max_cards: queries whose evidence is drawn; a card takes about 0.12 MB, at most 0.27 MB.
        cards_per_page: cards on one page.
        workers: processes that draw; the pages do not depend on them.

    Raises:
        ValueError: a number is out of range.
    """

    title: str = "Is it really that landmark?"
    max_cards: int = 96
    cards_per_page: int = 12
    workers: int = 1

    def __post_init__(self) -> None:
        if self.max_cards < 0:
            raise ValueError(f"max_cards={self.max_cards}: give 0 (no evidence is drawn) or more")
        if not 1 <= self.cards_per_page <= _MOST_CARDS_PER_PAGE:
            raise ValueError(
                f"cards_per_page={self.cards_per_page}: give 1 to {_MOST_CARDS_PER_PAGE}, so that a page stays "
                "under 20 MB"
            )


def report_folder(
    folder: Path,
    *,
    figures: Mapping[str, Any] | None = None,
    truth: pd.DataFrame | None = None,
    labels: Mapping[int, str] | None = None,
    config: ReportConfig | None = None,
) -> Path:
    """Writes the report of a folder of `tfland verify` to its subfolder `report` and returns the first page.

    Equal input gives equal bytes. Pages of an earlier run that show the same are kept; others are removed.

    Args:
        folder: of the verification.
        figures: finished figures, with the keys of summary.json; what is absent is not shown.
        truth: columns id and landmarks, as `catalog.read_solution` gives them; None if nobody knows.
        labels: names of the landmarks.
        config: None takes the defaults.

    Raises:
        OSError: a file is missing or the report cannot be written.
        ValueError: a file is damaged.
    """
    config, labels = config or ReportConfig(), labels or {}
    record, verified = read_record(folder), read_verified(folder)
    truths = model.truth_of_rows(verified, truth)
    cards = choose_cards(verified, truths, config.max_cards)
    rows = TableRows(
        verified=verified,
        truths=truths,
        labels=labels,
        cards=card_places(verified, cards),
        has_truth=truth is not None,
    )
    plan = PagePlan(num_cards=len(cards), cards_per_page=config.cards_per_page, row_parts=rows.parts())
    thresholds = MakeDrawer(folder, record).config.thresholds
    context = {"title": config.title, "thresholds": thresholds, "total_rows": len(verified)}
    writer = PageWriter(folder / "report", plan, context)
    summary = _summary(verified, truths, figures or {}, thresholds, read_refused(folder), record)
    drawn = _DrawnPages(folder, record, cards, CardMaker(verified, truths, labels), EvidenceTable.read(folder), writer)
    first_cards = drawn.write(config.workers)
    pages = {"size": plan.cards_per_page, "digits": plan.digits}
    for number, (first, end) in enumerate(plan.row_parts[1:], start=2):
        writer.write_rows(number, rows.data(first, end, pages))
    return writer.finish(first_cards, rows.data(*plan.row_parts[0], pages), summary)


@dataclass(frozen=True)
class _DrawnPages:
    """Draws the cards of all pages, a page in memory at a time."""

    folder: Path
    record: Mapping[str, Any]
    rows: Sequence[int]
    maker: CardMaker
    evidence: EvidenceTable
    writer: PageWriter

    def write(self, workers: int) -> list[DrawnCard]:
        """Writes the pages that are not there yet; returns the cards of the first page, which is not written here."""
        marks = self._marks()
        order = [*marks, 1]
        total = sum(len(self.writer.plan.cards_of(number)) for number in order)
        make = MakeDrawer(self.folder, self.record)
        with (
            terminal.progress("draw evidence", len(self.rows), unit="pairs") as bar,
            ordered_map(make, self._tasks(order), workers=workers) as drawings,
        ):
            bar.skip(len(self.rows) - total)
            for number in order:
                drawn = []
                places = self.writer.plan.cards_of(number)
                for place, drawing in zip(places, islice(drawings, len(places)), strict=True):
                    drawn.append((self._card(place), drawing))
                    bar.advance(refused=int(bool(drawing.trouble)))
                if number == 1:
                    return drawn
                self.writer.write_cards(number, drawn, marks[number])
        raise AssertionError("the first page is always among the pages")

    def _marks(self) -> dict[int, str]:
        """Page -> mark of the pages that have to be written, the first one left out."""
        plan = self.writer.plan
        made_from = [DRAWING_VERSION, *(self.record.get(key) for key in ("evidence", "queries", "index_images"))]
        made_from.append(self.record["settings"])
        marks = {}
        for number in range(2, plan.num_card_pages + 1):
            mark = self.writer.mark(number, map(self._card, plan.cards_of(number)), made_from)
            if not self.writer.is_written(number, mark):
                marks[number] = mark
        return marks

    def _tasks(self, order: Sequence[int]) -> Iterator[DrawTask]:
        for number in order:
            for place in self.writer.plan.cards_of(number):
                query, landmark = self.maker.key(self.rows[place])
                yield DrawTask.of(query, self.evidence.of_query(query, landmark))

    def _card(self, place: int) -> Card:
        row = self.rows[place]
        return self.maker.make(place + 1, row, self.evidence.of_query(*self.maker.key(row)))


def _summary(
    verified: pd.DataFrame,
    truths: NDArray[np.object_],
    figures: Mapping[str, Any],
    thresholds: Thresholds,
    refused: pd.DataFrame,
    record: Mapping[str, Any],
) -> dict[str, Any]:
    """What the first page says beside cards and table."""
    inliers = model.inlier_histogram(verified, truths, thresholds)
    probability = model.probability_histogram(verified, truths, thresholds)
    shown = refused.head(_REFUSED_SHOWN).to_dict("records")
    return {
        "tiles": model.tiles(figures),
        "verdicts": model.verdict_counts(verified, truths, thresholds),
        "truths": model.TRUTHS if any(truths != model.UNKNOWN) else (),
        "histograms": [
            (heading, histogram)
            for heading, histogram in (
                ("Inliers with the best index image", inliers),
                ("Probability that the landmark is right", probability),
            )
            if histogram is not None
        ],
        "seconds": model.seconds_bars(figures),
        "refused": [{key: visible(str(value)) for key, value in row.items()} for row in shown],
        "num_refused": len(refused),
        "num_queries": verified["id"].nunique(),
        "settings": _readable(record),
    }


def _readable(value: Any) -> Any:
    """Settings with every text made harmless."""
    if isinstance(value, Mapping):
        return {visible(str(key)): _readable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(one) for one in value]
    return visible(value) if isinstance(value, str) else value


def names_of(table: pd.DataFrame, column: str = "category") -> dict[int, str]:
    """Landmark names from a table with the columns landmark_id and `column`."""
    pairs: Sequence[tuple[Any, Any]] = list(zip(table[LANDMARK], table[column], strict=True))
    return {int(landmark): str(name) for landmark, name in pairs}

"""The files of a report: how cards and rows are spread over pages, and how a page is rendered and written."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from delf_verify.drawn_evidence import Drawing
from delf_verify.report_cards import Card
from tfrecords_builder.atomic import atomic_write

INDEX_FILE = "index.html"
# Of its mark; the head of a page ends long before.
_HEAD_BYTES = 1000
_NEAR = 2

DrawnCard = tuple[Card, Drawing]


@dataclass(frozen=True, kw_only=True)
class PagePlan:
    """Which file holds what; the first page of both kinds is the index.

    Attributes:
        num_cards: cards in all.
        cards_per_page: on one page.
        row_parts: (first row, end) of every part of the table.
    """

    num_cards: int
    cards_per_page: int
    row_parts: Sequence[tuple[int, int]]

    @property
    def digits(self) -> int:
        """Digits of a page's number in its name."""
        return max(3, len(str(self.num_card_pages)))

    @property
    def num_card_pages(self) -> int:
        """Pages with cards; the index is one even without."""
        return max(1, -(-self.num_cards // self.cards_per_page))

    def card_page(self, number: int) -> str:
        """Name of a page of cards; the first one is 1."""
        return INDEX_FILE if number == 1 else f"evidence-{number:0{self.digits}d}.html"

    def row_page(self, number: int) -> str:
        """Name of a page of the table; the first one is 1."""
        return INDEX_FILE if number == 1 else f"predictions-{number:03d}.html"

    def cards_of(self, number: int) -> range:
        """Places (from 0) of the cards of a page."""
        start = (number - 1) * self.cards_per_page
        return range(start, min(start + self.cards_per_page, self.num_cards))

    @property
    def names(self) -> set[str]:
        """All files of the report."""
        cards = {self.card_page(number) for number in range(1, self.num_card_pages + 1)}
        return cards | {self.row_page(number) for number in range(1, len(self.row_parts) + 1)}


def page_links(page: int, total: int) -> list[int | None]:
    """Numbers that a page links to: the first, the last and its neighbours; None stands for a gap."""
    shown = sorted({1, total, *range(max(1, page - _NEAR), min(total, page + _NEAR) + 1)})
    links: list[int | None] = []
    for number in shown:
        if links and links[-1] is not None and number - links[-1] > 1:
            links.append(None)
        links.append(number)
    return links


class PageWriter:
    """Renders pages into a folder.

    Args:
        folder: of the report.
        plan: its files.
        context: what every page knows.
    """

    def __init__(self, folder: Path, plan: PagePlan, context: Mapping[str, Any]) -> None:
        self.folder, self.plan, self._begun = folder, plan, False
        self._context = {**context, **_assets(), "plan": plan, "page_links": page_links}
        self._environment = Environment(
            loader=PackageLoader("delf_verify"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["number"] = _number

    @cached_property
    def _templates(self) -> str:
        folder = resources.files("delf_verify") / "templates"
        texts = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir(), key=lambda path: path.name)]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()

    def mark(self, number: int, cards: Iterable[Card], made_from: Sequence[Any]) -> str:
        """Fingerprint of everything that a page of cards shows, its pictures by what they are drawn from."""
        content = [self._templates, asdict(self.plan), number, made_from, [asdict(card) for card in cards]]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def is_written(self, number: int, mark: str) -> bool:
        """Whether a page of cards with this mark is there, of an earlier run."""
        path = self.folder / self.plan.card_page(number)
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return f'content="{mark}"'.encode() in file.read(_HEAD_BYTES)

    def write_cards(self, number: int, cards: Sequence[DrawnCard], mark: str) -> None:
        """Writes a page of cards that is not the first one.

        Args:
            number: of the page.
            cards: its cards.
            mark: of `mark`; left out where a picture is missing, so that the next run tries again.
        """
        mark = "" if any(drawing.trouble for _, drawing in cards) else mark
        self._write(self.plan.card_page(number), "evidence.html.j2", page=number, cards=list(_shown(cards)), mark=mark)

    def write_rows(self, number: int, data: str) -> None:
        """Writes a page of the table that is not the first one.

        Args:
            number: of the page.
            data: of `TableRows.data`.
        """
        first, end = self.plan.row_parts[number - 1]
        self._write(self.plan.row_page(number), "predictions.html.j2", row_page=number, data=data, first=first, end=end)

    def finish(self, cards: Sequence[DrawnCard], data: str, summary: Mapping[str, Any]) -> Path:
        """Removes pages of an older report, writes the first page and returns it."""
        for kind in ("evidence", "predictions"):
            for old in self.folder.glob(f"{kind}-*.html"):
                if old.name not in self.plan.names:
                    old.unlink()
        values = {"page": 1, "row_page": 1, "cards": list(_shown(cards)), "data": data, "mark": ""}
        self._write(INDEX_FILE, "index.html.j2", **values, **summary)
        return self.folder / INDEX_FILE

    def _begin(self) -> None:
        """Removes the first page, so that a report that is being made does not look finished, and what a kill left."""
        (self.folder / INDEX_FILE).unlink(missing_ok=True)
        for left in self.folder.glob(".*.html.*.partial"):
            left.unlink()
        self._begun = True

    def _write(self, name: str, template: str, **values: Any) -> None:
        # Not before there is something to write: what goes wrong earlier leaves an older report as it is.
        if not self._begun:
            self._begin()
        stream = self._environment.get_template(template).stream(**{"mark": "", **self._context, **values})
        stream.enable_buffering(50)
        with atomic_write(self.folder / name) as file:
            file.writelines(stream)


def _shown(cards: Sequence[DrawnCard]) -> Iterator[dict[str, Any]]:
    for card, drawing in cards:
        yield {
            "card": card,
            "drawing": drawing,
            "picture": base64.b64encode(drawing.jpeg).decode() if drawing.jpeg else "",
        }


def _assets() -> dict[str, str]:
    """Our style and script, and the hash by which the browser knows the script as ours."""
    folder = resources.files("delf_verify") / "templates"
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": style, "script": script, "script_hash": digest}


def _number(value: float | None, form: str = ".4g") -> str:
    """A number for the eye; a dash where there is none."""
    return "–" if value is None or value != value else format(value, form)

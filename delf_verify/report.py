"""A verification as HTML pages that need nothing but a browser: figures, every prediction, drawn evidence.

The first page holds the figures, the table of all predictions and the first drawn pairs; further pairs follow on
evidence-002.html and so on. Pictures are part of the pages, nothing is loaded from anywhere. Whatever comes from data
is escaped by the templates, and a content security policy lets no script run but ours.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from delf_verify import report_model as model
from delf_verify.comparison_job import Evidence
from delf_verify.decision import Thresholds, Verdict
from delf_verify.drawn_evidence import Drawing, DrawTask, MakeDrawer, config_of
from delf_verify.parallel import ordered_map
from delf_verify.verified_files import read_evidence, read_record, read_refused, read_verified
from tfrecords_builder import terminal
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.schema import ID, LANDMARK

INDEX_FILE = "index.html"
_REFUSED_SHOWN = 200
_MORE_IMAGES = 4


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """How large a report may be.

    Attributes:
        title: of the pages.
        max_cards: predictions whose evidence is drawn; a card takes about 0.15 MB.
        cards_per_page: cards on one page.
        workers: processes that draw; the pages do not depend on them.

    Raises:
        ValueError: a number is out of range.
    """

    title: str = "Is it really that landmark?"
    max_cards: int = 96
    cards_per_page: int = 24
    workers: int = 1

    def __post_init__(self) -> None:
        if self.max_cards < 0:
            raise ValueError(f"max_cards={self.max_cards}: give 0 (no evidence is drawn) or more")
        if not 1 <= self.cards_per_page <= 60:
            raise ValueError(f"cards_per_page={self.cards_per_page}: give 1 to 60, so that a page stays under 20 MB")


def report_folder(
    folder: Path,
    *,
    figures: Mapping[str, Any] | None = None,
    truth: pd.DataFrame | None = None,
    labels: Mapping[int, str] | None = None,
    config: ReportConfig | None = None,
) -> Path:
    """Writes the report of a folder of `tfland verify` to its subfolder `report` and returns the first page.

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
    record = read_record(folder)
    evidence = read_evidence(folder)
    config = config or ReportConfig()
    verified = read_verified(folder)
    rows = model.choose_cards(verified, model.truth_of_rows(verified, truth), config.max_cards)
    keys = [(verified[ID].iloc[row], int(verified[LANDMARK].iloc[row])) for row in rows]
    tasks = [DrawTask.of(query, evidence[query, landmark]) for query, landmark in keys]
    drawings = {}
    with (
        terminal.progress("draw evidence", len(tasks), unit="pairs") as bar,
        ordered_map(MakeDrawer(folder, record), tasks, workers=config.workers) as drawn,
    ):
        for row, drawing in zip(rows, drawn, strict=True):
            drawings[row] = drawing
            bar.advance(refused=int(bool(drawing.trouble)))
    return write_report(
        folder / "report",
        verified,
        figures or {},
        thresholds=config_of(record).thresholds,
        drawings=drawings,
        evidence=evidence,
        refused=read_refused(folder),
        settings=record,
        truth=truth,
        labels=labels,
        config=config,
    )


def write_report(
    out_dir: Path,
    verified: pd.DataFrame,
    figures: Mapping[str, Any],
    *,
    thresholds: Thresholds,
    drawings: Mapping[int, Drawing],
    evidence: Evidence,
    refused: pd.DataFrame,
    settings: Mapping[str, Any],
    truth: pd.DataFrame | None = None,
    labels: Mapping[int, str] | None = None,
    config: ReportConfig | None = None,
) -> Path:
    """Writes the pages; equal input gives equal bytes.

    Args:
        out_dir: folder of the pages; evidence pages of an earlier report there are removed.
        verified: the table of verified.csv.
        figures: finished figures, with the keys of summary.json.
        thresholds: the rule that was applied.
        drawings: row number in `verified` -> its drawn evidence, in the order of the cards.
        evidence: inliers by index image, for the cards.
        refused: the table of refused.csv.
        settings: verify.json.
        truth: columns id and landmarks, or None.
        labels: names of the landmarks.
        config: None takes the defaults.

    Returns:
        The first page.
    """
    config, labels = config or ReportConfig(), labels or {}
    truths = model.truth_of_rows(verified, truth)
    cards = [_card(verified, row, drawing, evidence, truths[row], labels) for row, drawing in drawings.items()]
    size = config.cards_per_page
    pages = [cards[start : start + size] for start in range(0, len(cards), size)] or [[]]
    names = [INDEX_FILE, *(f"evidence-{number:03d}.html" for number in range(2, len(pages) + 1))]
    links = {row: f"{names[place // size] if place >= size else ''}#card-{row}" for place, row in enumerate(drawings)}
    summary = {
        "tiles": model.tiles(figures),
        "verdicts": model.verdict_counts(verified, truths),
        "truths": model.TRUTHS if truth is not None else (),
        "histogram": model.histogram(verified, truths, thresholds),
        "seconds": model.seconds_bars(figures),
        "refused": refused.head(_REFUSED_SHOWN).to_dict("records"),
        "num_refused": len(refused),
        "settings": settings,
        "num_predictions": len(verified),
        "data": _script_json(
            {
                "verdicts": [verdict.value for verdict in Verdict],
                "truths": list(model.TRUTHS) if truth is not None else [],
                "rows": model.table_rows(verified, truths, labels, links),
            }
        ),
    }
    context = {"config": config, "names": names, "thresholds": thresholds, "total_cards": len(cards), **_assets()}
    _write_pages(out_dir, names, pages, context, summary)
    return out_dir / INDEX_FILE


def _write_pages(
    out_dir: Path,
    names: Sequence[str],
    pages: Sequence[Sequence[Mapping[str, Any]]],
    context: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> None:
    """Writes the pages, the first one last so that its links lead somewhere, and removes those of an older report."""
    environment = _environment()
    for number, name in reversed(list(enumerate(names))):
        template = environment.get_template("evidence.html.j2" if number else "index.html.j2")
        text = template.render(**context, **({} if number else summary), cards=pages[number], page=number)
        with atomic_write(out_dir / name) as file:
            file.write(text)
    for old in out_dir.glob("evidence-[0-9][0-9][0-9].html"):
        if old.name not in names:
            old.unlink()


def _card(
    verified: pd.DataFrame, row: int, drawing: Drawing, evidence: Evidence, truth: str, labels: Mapping[int, str]
) -> dict[str, Any]:
    """The values of one evidence card."""
    values = {str(name): value for name, value in verified.iloc[row].items()}
    images = evidence[values[ID], int(values[LANDMARK])].images
    ranked = sorted(images, key=lambda image: (-image.num_inliers, -image.num_putative, image.image_id))
    return {
        "row": row,
        **values,
        "label": labels.get(int(values[LANDMARK]), ""),
        "truth": truth,
        "drawing": {key: value for key, value in asdict(drawing).items() if key != "jpeg"},
        "picture": base64.b64encode(drawing.jpeg).decode() if drawing.jpeg else "",
        "best": ranked[0],
        "more_images": ranked[1 : 1 + _MORE_IMAGES],
    }


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("delf_verify"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _assets() -> dict[str, str]:
    """Our style and script, and the hash by which the browser knows the script as ours."""
    folder = resources.files("delf_verify") / "templates"
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": style, "script": script, "script_hash": digest}


def _script_json(content: Mapping[str, Any]) -> str:
    """JSON that may stand within a <script> element: no '<', so that nothing in it can end the element."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def names_of(table: pd.DataFrame, column: str = "category") -> dict[int, str]:
    """Landmark names from a table with the columns landmark_id and `column`."""
    pairs: Sequence[tuple[Any, Any]] = list(zip(table[LANDMARK], table[column], strict=True))
    return {int(landmark): str(name) for landmark, name in pairs}

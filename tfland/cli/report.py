"""`tfland report`: a verification as HTML that needs nothing but a browser."""

from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("report", help="Writes the HTML report of a verification.")(report)


def report(
    directory: Annotated[Path, typer.Argument(help="Folder of `tfland verify`.")],
    solution: Annotated[Path | None, typer.Option(help="id,landmarks,Usage: adds the truth and the scores.")] = None,
    labels: Annotated[Path | None, typer.Option(help="landmark_id,category: names of the landmarks.")] = None,
    figures: Annotated[Path | None, typer.Option(help="summary.json of a run: its figures instead.")] = None,
    cards: Annotated[int, typer.Option(min=0, help="Predictions whose evidence is drawn.")] = 96,
    workers: Annotated[int, typer.Option(min=1, help="Processes that draw.")] = 1,
) -> None:
    """Gathers the figures, writes the report and prints its path."""
    from delf_verify.report import ReportConfig, report_folder
    from tfrecords_builder.catalog import read_solution

    page = report_folder(
        directory,
        figures=_figures(directory, solution, figures),
        truth=None if solution is None else read_solution(solution),
        labels=None if labels is None else _names(labels),
        config=ReportConfig(max_cards=cards, workers=workers),
    )
    typer.echo(str(page))


def _figures(directory: Path, solution: Path | None, figures: Path | None) -> dict[str, Any]:
    from tfland.metrics.score_files import score_files
    from tfrecords_builder.json_files import read_object

    if figures is None:
        return dict(score_files(None, solution, directory))
    return read_object(figures, "give the summary.json of a run")


def _names(labels: Path) -> dict[int, str]:
    import pandas as pd

    from delf_verify.report import names_of

    table = pd.read_csv(labels, keep_default_na=False)
    if missing := [column for column in ("landmark_id", "category") if column not in table.columns]:
        raise ValueError(f"{labels} lacks the columns {missing}; it has {list(table.columns)}")
    return names_of(table)

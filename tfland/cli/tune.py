"""`tfland tune`: thresholds from a verified validation set, or from labelled pairs."""

from pathlib import Path
from typing import Annotated

import typer

from delf_verify.cli_options import CPUS, FeaturesOption, WorkersOption
from delf_verify.cli_tune import FoldsOption, MethodOption, RuleOption
from delf_verify.cli_tune import tune as tune_pairs


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("tune", help="Finds the thresholds of verification on labelled data.")(tune)


def tune(
    out: Annotated[Path, typer.Option(help="thresholds.yaml; tables and plots are written beside it.")],
    verified: Annotated[Path | None, typer.Option(help="Folder of `tfland verify` on validation queries.")] = None,
    solution: Annotated[Path | None, typer.Option(help="Their solution: id,landmarks,Usage.")] = None,
    min_true_kept: Annotated[float, typer.Option(help="Share of true predictions that must stay.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of folds, half-samples and intervals.")] = 0,
    pairs: Annotated[Path | None, typer.Option(help="Instead: a,b,same, two photographs and 1 or 0.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pairs' photographs.")] = None,
    features: FeaturesOption = "sift",
    precision: Annotated[float | None, typer.Option(help="Wanted precision of what is confirmed.")] = None,
    recall: Annotated[float | None, typer.Option(help="Or: wanted share of the true (same) that are.")] = None,
    workers: WorkersOption = CPUS,
    rule: RuleOption = "best",
    method: MethodOption = "logistic",
    folds: FoldsOption = 10,
) -> None:
    """Tunes by verified GAP or at a wanted precision (--verified, --solution), or on labelled pairs (--pairs).

    Raises:
        ValueError: neither or both were given.
    """
    if (pairs is None) == (verified is None) or (verified is None) != (solution is None):
        raise ValueError("give either --pairs CSV, or --verified DIR with --solution CSV")
    if pairs is not None:
        tune_pairs(pairs, out, images, features, precision, recall, workers, rule, method, folds, seed)
        return
    from delf_verify.tuning import TuningOptions
    from delf_verify.tuning_files import describe, write_tuning
    from tfland.recognition.threshold_tuning import label_evidence, tune_labelled

    options = TuningOptions(rule=rule, method=method, folds=folds, seed=seed)  # type: ignore[arg-type]
    labelled = label_evidence(Path(str(verified)), Path(str(solution)))
    wishes = {"min_true_kept": min_true_kept, "precision": precision, "recall": recall}
    result = tune_labelled(labelled, **wishes, seed=seed, options=options)  # type: ignore[arg-type]
    files = write_tuning(out, result, labelled.sample())
    for line in describe(result):
        typer.echo(line)
    typer.echo(f"written: {', '.join(str(path) for path in files)}")

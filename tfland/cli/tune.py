"""`tfland tune`: thresholds from a verified validation set, or from labelled pairs."""

from pathlib import Path
from typing import Annotated

import typer

from delf_verify.cli_options import CPUS, FeaturesOption, WorkersOption
from delf_verify.cli_tune import tune as tune_pairs


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("tune", help="Finds the thresholds of verification on labelled data.")(tune)


def tune(
    out: Annotated[Path, typer.Option(help="thresholds.yaml; plots are written beside it.")],
    verified: Annotated[Path | None, typer.Option(help="Folder of `tfland verify` on validation queries.")] = None,
    solution: Annotated[Path | None, typer.Option(help="Their solution: id,landmarks,Usage.")] = None,
    min_true_kept: Annotated[float, typer.Option(help="Share of true predictions that must stay.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the half-samples.")] = 0,
    pairs: Annotated[Path | None, typer.Option(help="Instead: a,b,same, two photographs and 1 or 0.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pairs' photographs.")] = None,
    features: FeaturesOption = "sift",
    precision: Annotated[float | None, typer.Option(help="Wanted precision of the pairs accepted.")] = None,
    recall: Annotated[float | None, typer.Option(help="Or: wanted recall of the same pairs.")] = None,
    workers: WorkersOption = CPUS,
) -> None:
    """Tunes by verified GAP (--verified, --solution) or on labelled pairs (--pairs).

    Raises:
        ValueError: neither or both were given.
    """
    if (pairs is None) == (verified is None) or (verified is None) != (solution is None):
        raise ValueError("give either --pairs CSV, or --verified DIR with --solution CSV")
    if pairs is not None:
        tune_pairs(pairs, out, images, features, precision, recall, workers)
        return
    from delf_verify.tuning_files import write_tuning
    from tfland.recognition.threshold_tuning import label_evidence, tune_labelled

    labelled = label_evidence(Path(str(verified)), Path(str(solution)))
    result = tune_labelled(labelled, min_true_kept=min_true_kept, seed=seed)
    inliers = labelled.table["max_inliers"].to_numpy(float)
    files = write_tuning(out, result, inliers=inliers, is_true=labelled.is_true, objective="verified GAP")
    rule = result.thresholds
    typer.echo(
        f"confirmed from {rule.max_inliers:g} inliers or a mean above {rule.mean_inliers:.3g}; distractor below a mean "
        f"of {rule.distractor_inliers:.3g}"
    )
    typer.echo(
        f"on these queries: GAP {result.objective_all_kept:.4f} -> {result.objective:.4f}, "
        f"{result.true_kept:.1%} of true and {result.false_kept:.1%} of false predictions kept"
    )
    typer.echo(f"written: {', '.join(str(path) for path in files)}")

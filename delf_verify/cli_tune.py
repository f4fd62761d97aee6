"""The command `tune`: thresholds from labelled pairs."""

from pathlib import Path
from typing import Annotated

import typer

from delf_verify.cli_options import CPUS, FeaturesOption, WorkersOption
from tfrecords_builder.terminal import Refused

RuleOption = Annotated[str, typer.Option(help="Which rule decides: inliers, probability, or the best held out.")]
MethodOption = Annotated[str, typer.Option(help="Fit of the probability: logistic or isotonic.")]
FoldsOption = Annotated[int, typer.Option(min=2, help="Of the cross-validation.")]


def tune(
    pairs: Annotated[Path, typer.Option(help="a,b,same: two photographs and 1 or 0; scene_a,scene_b if known.")],
    out: Annotated[Path, typer.Option(help="thresholds.yaml; tables and plots are written beside it.")],
    images: Annotated[Path | None, typer.Option(help="Folder that the paths of the pairs must stay within.")] = None,
    features: FeaturesOption = "sift",
    precision: Annotated[float | None, typer.Option(help="Wanted share of same pairs among the accepted.")] = None,
    recall: Annotated[float | None, typer.Option(help="Or: wanted share of same pairs that are accepted.")] = None,
    workers: WorkersOption = CPUS,
    rule: RuleOption = "best",
    method: MethodOption = "logistic",
    folds: FoldsOption = 10,
    seed: Annotated[int, typer.Option(min=0, help="Deals the places to folds.")] = 0,
) -> None:
    """Scores the pairs, tunes and prints what was found.

    Raises:
        Refused: photographs could not be read.
    """
    from delf_verify.config import default_config
    from delf_verify.extract import load_extractor
    from delf_verify.pair_files import find_root, read_labelled_pairs
    from delf_verify.pair_tuning import pair_sample, read_places, tune_pairs
    from delf_verify.pairs import score_pairs
    from delf_verify.tuning import TuningOptions
    from delf_verify.tuning_files import describe, write_tuning

    options = TuningOptions(rule=rule, method=method, folds=folds, seed=seed)  # type: ignore[arg-type]
    precision = 0.95 if precision is None and recall is None else precision
    labelled = read_labelled_pairs(pairs, within=images is not None)
    listed = list(zip(labelled["a"], labelled["b"], strict=True))
    scored, refused = score_pairs(
        listed,
        root=images or find_root(pairs, listed),
        within=images is not None,
        features=features,
        feature_folder=out.with_name(f"{out.stem}_features"),
        config=default_config(features),
        workers=workers,
    )
    readable = ~(labelled["a"].isin(list(refused)) | labelled["b"].isin(list(refused)))
    same, places = labelled["same"][readable].to_numpy(bool), read_places(pairs)[readable.to_numpy()]
    sample = pair_sample(scored, same, places, load_extractor(features).fingerprint)
    result = tune_pairs(sample, precision=precision, recall=recall, options=options)
    files = write_tuning(out, result, sample)
    for line in describe(result):
        typer.echo(line)
    typer.echo(f"written: {', '.join(str(path) for path in files)}")
    if refused:
        name, why = next(iter(sorted(refused.items())))
        raise Refused(
            f"{len(refused)} photographs could not be read and their pairs were left out, first {name}: {why}"
        )

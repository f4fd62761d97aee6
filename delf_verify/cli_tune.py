"""The command `tune`: thresholds from labelled pairs."""

from pathlib import Path
from typing import Annotated

import typer

from delf_verify.cli_options import CPUS, FeaturesOption, WorkersOption
from tfrecords_builder.terminal import Refused


def tune(
    pairs: Annotated[Path, typer.Option(help="a,b,same: two photographs and 1 or 0.")],
    out: Annotated[Path, typer.Option(help="thresholds.yaml; plots are written beside it.")],
    images: Annotated[Path | None, typer.Option(help="Folder of the photographs; the CSV's own if absent.")] = None,
    features: FeaturesOption = "sift",
    precision: Annotated[float | None, typer.Option(help="Wanted share of same pairs among the accepted.")] = None,
    recall: Annotated[float | None, typer.Option(help="Or: wanted share of same pairs that are accepted.")] = None,
    workers: WorkersOption = CPUS,
) -> None:
    """Scores the pairs, tunes and prints what was found.

    Raises:
        Refused: photographs could not be read.
    """
    from delf_verify.config import default_config
    from delf_verify.extract import load_extractor
    from delf_verify.pair_tuning import tune_pairs
    from delf_verify.pairs import read_labelled_pairs, score_pairs
    from delf_verify.tuning_files import write_tuning

    precision = 0.95 if precision is None and recall is None else precision
    labelled = read_labelled_pairs(pairs)
    scored, refused = score_pairs(
        list(zip(labelled["a"], labelled["b"], strict=True)),
        root=images or pairs.parent,
        features=features,
        feature_folder=out.with_name(f"{out.stem}_features"),
        config=default_config(features),
        workers=workers,
    )
    readable = ~(labelled["a"].isin(list(refused)) | labelled["b"].isin(list(refused)))
    same, inliers = labelled["same"][readable].to_numpy(bool), scored["inliers"].to_numpy()
    fingerprint = load_extractor(features).fingerprint
    result = tune_pairs(inliers, same, precision=precision, recall=recall, extractor=fingerprint)
    files = write_tuning(out, result, inliers=inliers.astype(float), is_true=same, objective="precision")
    typer.echo(
        f"same from {result.thresholds.max_inliers:g} inliers: precision {result.objective:.3f}, "
        f"recall {result.true_kept:.3f} on {len(same)} pairs"
    )
    typer.echo(f"written: {', '.join(str(path) for path in files)}")
    if refused:
        name, why = next(iter(sorted(refused.items())))
        raise Refused(
            f"{len(refused)} photographs could not be read and their pairs were left out, first {name}: {why}"
        )

"""`python -m delf_verify verify | match | tune`; `tfland` offers the same commands."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from tfrecords_builder.terminal import CONTEXT_SETTINGS, Refused

app = typer.Typer(
    name="delf_verify",
    help="Is this really that landmark? Local features, geometry, verdicts.",
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
    add_completion=False,
)

FeaturesOption = Annotated[str, typer.Option(help="sift, or delf:DIR of a trained extractor.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes; results do not depend on them.")]
CPUS = os.cpu_count() or 1


@app.command("verify", help="Verifies a batch of predictions and says why each was confirmed or dropped.")
def verify(
    predictions: Annotated[Path, typer.Option(help="id,landmarks (submission) or id,landmark_id,score.")],
    queries: Annotated[str, typer.Option(help="Folder of the queries' photographs, or a pattern of shards.")],
    index_csv: Annotated[Path, typer.Option(help="id,landmark_id of the index photographs.")],
    index_images: Annotated[str, typer.Option(help="Their folder, or a pattern of shards.")],
    out: Annotated[Path, typer.Option(help="Folder for verified.csv and the evidence.")],
    features: FeaturesOption = "sift",
    thresholds: Annotated[Path | None, typer.Option(help="YAML of `tfland tune`; without it seed 003's.")] = None,
    max_index_images: Annotated[
        int | None, typer.Option(help="Images compared a query at most; all if absent.")
    ] = None,
    residual_px: Annotated[
        float | None, typer.Option(help="How far an inlier may lie off, in pixels of the index image; 20 if absent.")
    ] = None,
    index_features: Annotated[
        Path | None, typer.Option(help="Folder of the index images' features, shared by several runs.")
    ] = None,
    workers: WorkersOption = CPUS,
) -> None:
    """Reads the files, verifies and prints the counts.

    Raises:
        Refused: photographs could not be read.
    """
    from dataclasses import replace

    from delf_verify.config import default_config
    from delf_verify.decision import Thresholds, load_thresholds
    from delf_verify.inputs import read_predictions
    from delf_verify.sources import open_photographs
    from delf_verify.verified_files import REFUSED_FILE, VERIFIED_FILE, read_refused
    from delf_verify.verify import Photographs, verify_batch
    from tfrecords_builder.catalog import read_photographs

    rule = load_thresholds(thresholds) if thresholds else Thresholds()
    config = replace(default_config(features), thresholds=rule, max_index_images=max_index_images)
    config = config if residual_px is None else config.with_residual(residual_px)
    table = verify_batch(
        predictions=read_predictions(predictions),
        index=read_photographs(index_csv),
        queries=Photographs(source=open_photographs(queries), name=queries),
        index_images=Photographs(source=open_photographs(index_images), name=index_images, features=index_features),
        features=features,
        out_dir=out,
        config=config,
        workers=workers,
    )
    counts = ", ".join(f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().sort_index().items())
    typer.echo(f"{out / VERIFIED_FILE}: {len(table)} predictions, {counts or 'nothing to verify'}")
    if refused := len(read_refused(out)):
        raise Refused(f"{refused} photographs could not be read; {out / REFUSED_FILE} lists them")


@app.command("match", help="Matches two photographs and draws what they have in common.")
def match(
    a: Annotated[Path, typer.Argument(help="A photograph.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    out: Annotated[Path, typer.Option(help="The drawing, a PNG.")] = Path("match.png"),
    features: FeaturesOption = "sift",
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Matches, draws and prints the counts."""
    from delf_verify.config import default_config
    from delf_verify.extract import load_extractor
    from delf_verify.pairs import match_photographs
    from delf_verify.plots import draw_matches, encode_png
    from tfrecords_builder.atomic import atomic_write

    pair = match_photographs(a, b, load_extractor(features), default_config(features))
    geometry = pair.match.geometry
    drawing = draw_matches(*pair.images, *pair.matched_yx(), geometry.inlier_mask, height=640)
    with atomic_write(out, "wb") as file:
        file.write(encode_png(drawing))
    counts = {
        "a": str(a),
        "b": str(b),
        "features_a": len(pair.features[0]),
        "features_b": len(pair.features[1]),
        "matches": len(pair.match.putative),
        "inliers": geometry.num_inliers,
        "matrix": None if geometry.matrix is None else geometry.matrix.round(6).tolist(),
        "out": str(out),
    }
    if as_json:
        typer.echo(json.dumps(counts, indent=2))
    else:
        typer.echo(f"{counts['matches']} matches, {counts['inliers']} inliers; drawn in {out}")


@app.command("tune", help="Finds the number of inliers that tells labelled pairs apart.")
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

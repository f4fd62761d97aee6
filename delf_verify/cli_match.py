"""The command `match`: two photographs, matched and drawn, or a list of pairs, scored."""

import json
from pathlib import Path
from typing import Annotated

import typer

from delf_verify.cli_options import CPUS, FeaturesOption, WorkersOption
from tfrecords_builder.terminal import Refused


def match(
    a: Annotated[Path | None, typer.Argument(help="A photograph.", show_default=False)] = None,
    b: Annotated[Path | None, typer.Argument(help="Another one.", show_default=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The drawing, a PNG; match.png if absent. Of a list: the scores, scores.csv if absent."),
    ] = None,
    features: FeaturesOption = "sift",
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
    pairs: Annotated[
        Path | None, typer.Option(help="Instead of A and B: a CSV a,b of photographs; a,b,matches,inliers,probability.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder that the list's paths must stay within.")] = (None),
    thresholds: Annotated[
        Path | None, typer.Option(help="thresholds.yaml with the list's probabilities; the shipped ones if absent.")
    ] = None,
    workers: WorkersOption = CPUS,
) -> None:
    """Matches two photographs and draws the inliers, or scores the pairs of a CSV.

    Raises:
        ValueError: neither two photographs nor a list was given, or both.
        Refused: photographs of a list could not be read.
    """
    if pairs is not None and a is None:
        _match_list(pairs, out or Path("scores.csv"), images, features, thresholds, workers, as_json)
    elif pairs is None and a is not None and b is not None:
        if images is not None or thresholds is not None:
            raise ValueError("--images and --thresholds belong to --pairs")
        _match_two(a, b, out or Path("match.png"), features, as_json)
    else:
        raise ValueError("give either two photographs A and B, or --pairs CSV")


def _match_two(a: Path, b: Path, out: Path, features: str, as_json: bool) -> None:
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


def _match_list(
    pairs: Path, out: Path, images: Path | None, features: str, thresholds: Path | None, workers: int, as_json: bool
) -> None:
    from delf_verify.pairs import score_list

    listed = score_list(pairs, out, root=images, features=features, thresholds=thresholds, workers=workers)
    counts = {"pairs": listed.num_pairs, "scored": listed.num_scored, "refused": len(listed.refused), "out": str(out)}
    if as_json:
        typer.echo(json.dumps(counts, indent=2))
    else:
        typer.echo(f"{listed.num_scored} of {listed.num_pairs} pairs scored: {out}")
    if listed.refused:
        raise Refused(f"{len(listed.refused)} photographs could not be read; {listed.refused_file} lists them")

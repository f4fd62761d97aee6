"""The command `match`: two photographs, matched and drawn."""

import json
from pathlib import Path
from typing import Annotated

import typer

from delf_verify.cli_options import FeaturesOption


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

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import typer

from tfland.cli import verify
from tfland.recognition.embeddings import Embeddings
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(context_settings=CONTEXT_SETTINGS)
    app.callback()(lambda: None)
    verify.register(app)
    return app


@pytest.fixture
def embeddings(verify_world: SimpleNamespace, tmp_path: Path) -> tuple[Path, Path]:
    """Of the index (where number 2 of each landmark is the nearest to all queries) and of the queries."""
    folders = tmp_path / "index", tmp_path / "queries"
    for folder, photographs in zip(folders, (verify_world.index, verify_world.queries), strict=True):
        ids = sorted(path.stem for path in photographs.iterdir())
        vectors = np.array([[1.0, {"0": 0.9, "1": 0.5}.get(name[-1], 0.0)] for name in ids], np.float32)
        vectors = vectors if folder == folders[0] else np.array([[1.0, 0.0]] * len(ids), np.float32)
        Embeddings(ids=np.array(ids, object), landmark_ids=None, vectors=vectors, fingerprint="f").save(folder)
    return folders


def run(app: typer.Typer, world: SimpleNamespace, out: Path, *more: object) -> int:
    arguments = ["verify", "--predictions", world.predictions, "--queries", world.queries]
    arguments += ["--index-csv", world.index_csv, "--index-images", world.index]
    arguments += ["--features", "sift", "--out", out, "--workers", 1, *more]
    return run_app(app, [str(part) for part in arguments])


def test_the_command_verifies(
    app: typer.Typer, verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(app, verify_world, tmp_path / "out") == 0
    assert "confirmed" in capsys.readouterr().out
    assert pd.read_parquet(tmp_path / "out" / "verified.parquet")["id"].tolist()[0] == "query10x0"
    reranked = pd.read_csv(tmp_path / "out" / "reranked.csv", keep_default_na=False)
    cells = dict(zip(reranked["id"], reranked["landmarks"], strict=True))
    assert cells["query10x0"] == "10 0.1" and cells["nothing"] == "" and cells["unknown"] == "40 0.5"
    assert run_app(app, ["verify"]) == 2


def test_the_most_similar_photographs_are_compared(
    app: typer.Typer, verify_world: SimpleNamespace, embeddings: tuple[Path, Path], tmp_path: Path
) -> None:
    more = ("--index", embeddings[0], "--query-embeddings", embeddings[1])
    assert run(app, verify_world, tmp_path / "two", *more, "--max-index-images", 2) == 0
    compared = pd.read_csv(tmp_path / "two" / "evidence.csv").groupby("id", sort=False)["image_id"].agg(list)
    assert compared["query10x0"] == ["index10x2", "index10x1"] and compared["distractor1"] == ["index20x2", "index20x1"]
    assert run(app, verify_world, tmp_path / "all", *more, "--stop-early") == 0
    assert json.loads((tmp_path / "all" / "verify.json").read_text())["settings"]["stop_early"] is True


def test_an_index_needs_the_queries_embeddings(
    app: typer.Typer,
    verify_world: SimpleNamespace,
    embeddings: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(app, verify_world, tmp_path / "out", "--index", embeddings[0]) == 2
    assert "--index and --query-embeddings go together" in capsys.readouterr().err
    assert run(app, verify_world, tmp_path / "out", "--index", tmp_path, "--query-embeddings", embeddings[1]) == 1
    assert not (tmp_path / "out").exists()

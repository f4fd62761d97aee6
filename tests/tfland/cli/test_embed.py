"""`tfland embed` as a user runs it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from tfland.cli import embed
from tfrecords_builder.terminal import run_app

app = typer.Typer()
embed.register(app)


@app.callback()
def _group() -> None:
    """Makes `embed` a sub-command, as in the umbrella."""


def run(*arguments: object) -> int:
    return run_app(app, ["embed", *map(str, arguments)])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with a small network of random weights."""
    import keras

    from tfland.config_io import config_from_dict, save_config

    folder = tmp_path_factory.mktemp("model")
    data = {"shards": "none", "image_size": 32, "evaluation_size": [40, 40], "resize": "longest_side", "crop": "none"}
    save_config(config_from_dict({"data": data, "training": {"model_dir": str(folder)}}), folder / "config.yaml")
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(keras.layers.Rescaling(1 / 128)(image))
    x = keras.layers.Dense(6)(keras.layers.GlobalAveragePooling2D()(x))
    keras.Model(image, {"embedding": x}).save(folder / "model.keras")
    return folder


@pytest.fixture
def queries(tmp_path: Path) -> list[object]:
    """Options that name three photographs."""
    rng, folder = np.random.default_rng(0), tmp_path / "photographs"
    folder.mkdir()
    for name in "abc":
        cv2.imwrite(str(folder / f"{name}.jpg"), rng.integers(0, 255, (50, 60, 3), np.uint8))
    (tmp_path / "q.csv").write_text("id,landmark_id\na,5\nb,5\nc,9\n")
    return ["--csv", tmp_path / "q.csv", "--images", folder]


def test_a_folder(model: Path, queries: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", model, *queries, "--out", tmp_path / "out", "--flip", "--scales", "1,0.8") == 0
    assert "3 rows in" in capsys.readouterr().out
    about = json.loads((tmp_path / "out" / "embeddings.json").read_text())
    assert (about["dtype"], about["rows"]) == ("float16", 3)
    assert about["model"]["sizes"] == [[40, 40], [32, 32]]
    assert (about["model"]["flip"], about["model"]["resize"]) == (True, "longest_side")
    assert (tmp_path / "out" / "rows.csv").read_text() == "id,landmark_id\na,5\nb,5\nc,9\n"


def test_shares(model: Path, queries: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", model, *queries, "--out", tmp_path / "out", "--workers", 1, "--batch-size", 2]
    assert run(*arguments, "--part", "1/2") == 0
    assert "share 1/2 is done (0 photographs); after the last one run the command without" in capsys.readouterr().out
    assert run(*arguments) == 0


def test_a_missing_photograph_ends_with_3(
    model: Path, queries: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q.csv").write_text("id\na\ngone\n")
    assert run("--model", model, *queries, "--out", tmp_path / "out") == 3
    assert "1 photographs have no embedding: see" in capsys.readouterr().err
    assert (tmp_path / "out" / "refused.csv").read_text().splitlines()[1].startswith("gone,missing,")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "which photographs?"),
        (["--shards", "x-*.tfrecord", "--csv", "q.csv"], 2, "which photographs?"),
        (["--csv", "q.csv"], 2, "which photographs?"),
        (["--shards", "x-*.tfrecord", "--scales", "1;2"], 2, "--scales '1;2': give numbers"),
        (["--shards", "x-*.tfrecord", "--part", "8/8"], 2, "--part '8/8': give I/N"),
        (["--shards", "x-*.tfrecord", "--part", "0/8", "--", "--runner=x"], 2, "leave --part away"),
        (["--shards", "x-*.tfrecord", "--dtype", "int8"], 2, "'int8' is not one of"),
        (["--shards", "absent/x-*.tfrecord"], 1, "no shards fit"),
    ],
)
def test_mistakes(
    options: list[str], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--model", tmp_path, "--out", tmp_path / "out", *options) == code
    assert message in " ".join(capsys.readouterr().err.split())

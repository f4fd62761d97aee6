"""`tfland fit-delf` checks before it loads TensorFlow."""

from pathlib import Path

import pytest

from tfland.cli.main import app
from tfrecords_builder.terminal import run_app


def arguments(folder: Path, **changes: str) -> list[str]:
    (folder / "train.csv").write_text("id,landmark_id\naa,1\n")
    (folder / "images").mkdir(exist_ok=True)
    options = {"model": "m", "csv": "train.csv", "images": "images", "out": "delf"} | changes
    return ["fit-delf", *(word for name, value in options.items() for word in (f"--{name}", str(folder / value)))]


@pytest.mark.parametrize(
    ("changes", "extra", "code", "message"),
    [
        ({"csv": "gone.csv"}, [], 1, "gone.csv"),
        ({"images": "gone"}, [], 1, "gone"),
        ({}, ["--pca-size", "0"], 2, "delf.pca_size must be at least 1, got 0"),
        ({}, [], 1, "model.keras is missing"),
    ],
)
def test_refusals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict, extra: list, code: int, message: str
) -> None:
    assert run_app(app, [*arguments(tmp_path, **changes), *extra]) == code
    assert message in capsys.readouterr().err

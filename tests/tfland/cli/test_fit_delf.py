"""`tfland fit-delf` checks before it loads TensorFlow."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from delf_verify.pyramid import DelfConfig
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


@pytest.mark.parametrize("flags", [[], ["--whiten"]])
def test_whitening_is_off_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    configs = []

    def fit(model: Path, ids: list[str], source: object, config: DelfConfig, out: Path, *, sample: int) -> Any:
        configs.append(config)
        return SimpleNamespace(fingerprint="fitted")

    monkeypatch.setattr("tfland.recognition.delf.fit_delf", fit)
    assert run_app(app, [*arguments(tmp_path), *flags]) == 0
    assert [config.pca_whiten for config in configs] == [bool(flags)]

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest

from delf_verify.cli import app
from delf_verify.decision import load_thresholds
from tfrecords_builder.terminal import run_app


def verify(world: SimpleNamespace, out: Path, *more: object) -> int:
    arguments = ["verify", "--predictions", world.predictions, "--queries", world.queries]
    arguments += ["--index_csv", world.index_csv, "--index-images", world.index, "--out", out, "--workers", 1]
    return run_app(app, [str(part) for part in (*arguments, *more)])


def test_verify(verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(verify_world, tmp_path / "out", "--index-features", tmp_path / "shared") == 0
    assert "11 predictions" in capsys.readouterr().out
    assert (tmp_path / "shared" / "store.json").exists()
    assert json.loads((tmp_path / "out" / "verify.json").read_text())["index_features"] == str(tmp_path / "shared")


def test_exit_3_when_a_photograph_was_refused(
    verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = tmp_path / "predictions.csv"
    predictions.write_text("id,landmarks\nnobody,10 0.5\n")
    world = SimpleNamespace(**vars(verify_world) | {"predictions": predictions})
    assert verify(world, tmp_path / "out", "--max-index-images", 1) == 3
    message = capsys.readouterr().err
    assert "1 photographs could not be read" in message and "refused.csv lists them" in message


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--features", "surf"], 2, "features 'surf': give 'sift'"),
        (["--thresholds", "none.yaml"], 1, "none.yaml"),
        (["--max-index-images", "0"], 2, "max_index_images=0"),
        (["--queries", "nowhere"], 1, "neither a folder nor a pattern"),
        (["--features", "delf:nowhere"], 1, "nowhere"),
    ],
)
def test_exit_codes(
    verify_world: SimpleNamespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
    message: str,
) -> None:
    assert verify(verify_world, tmp_path / "out", *more) == code
    assert message in capsys.readouterr().err


def test_match_draws_and_prints_json(
    verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = [str(verify_world.queries / "query10x0.jpg"), str(verify_world.index / "index10x0.jpg")]
    assert run_app(app, ["match", *pair, "--out", str(tmp_path / "m.png"), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["matches"] >= counts["inliers"] > 60
    assert len(counts["matrix"]) == 2
    assert cv2.imread(str(tmp_path / "m.png")).shape[0] == 640
    assert run_app(app, ["match", pair[0], str(tmp_path / "none.jpg"), "--out", str(tmp_path / "n.png")]) == 1


def test_tune_on_pairs(verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        f"queries/query{landmark}x0.jpg,index/index{other}x{number}.jpg,{int(landmark == other)}"
        for landmark in (10, 20)
        for other in (10, 20)
        for number in range(2)
    ]
    pairs = verify_world.root.parent / f"{tmp_path.name}.csv"
    pairs.write_text("\n".join(["a,b,same", *rows]) + "\n")
    arguments = [
        "tune",
        "--pairs",
        pairs,
        "--images",
        verify_world.root,
        "--out",
        tmp_path / "rule.yaml",
        "--workers",
        1,
    ]
    assert run_app(app, [str(part) for part in arguments]) == 0
    thresholds = load_thresholds(tmp_path / "rule.yaml")
    assert 10 < thresholds.max_inliers < 150
    assert thresholds.extractor.startswith("rootsift")
    assert "in-sample: recall 1.0000 [1.0000, 1.0000], precision 1.000" in capsys.readouterr().out
    pairs.write_text("\n".join(["a,b,same", *rows, "queries/gone.jpg,index/index10x0.jpg,1"]) + "\n")
    assert run_app(app, [str(part) for part in arguments]) == 3
    assert "first queries/gone.jpg: missing" in capsys.readouterr().err

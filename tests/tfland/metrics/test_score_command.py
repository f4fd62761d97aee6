"""`tfland score` as a function: what it returns and what lies in --out."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tfland.metrics.score_command import ScoreConfig, lines, run

SOLUTION = "id,landmarks,Usage\na,1,Public\nb,,Public\nc,2,Private\nd,3 4,Private\ne,5,Ignored\n"
BEFORE = "id,landmarks\na,1 0.9\nb,1 0.8\nc,1 0.7\nd,\ne,5 1.0\n"
AFTER = "id,landmarks\na,1 0.9\nb,\nc,2 0.95\nd,3 0.2\ne,\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {"solution": SOLUTION, "before": BEFORE, "after": AFTER}
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return {name: tmp_path / f"{name}.csv" for name in texts}


def test_scores_with_tables_and_plots(tmp_path: Path, files: dict[str, Path]) -> None:
    (tmp_path / "labels.csv").write_text("label,landmark_id,images\n0,1,10\n1,2,7\n2,3,6\n")
    out = tmp_path / "out"
    config = ScoreConfig(
        predictions=files["before"],
        solution=files["solution"],
        out=out,
        class_sizes=tmp_path / "labels.csv",
        resamples=50,
    )
    result = run(config)
    assert result["gap"] == pytest.approx(1 / 3)
    assert result["intervals"]["gap"]["low"] <= 1 / 3 <= result["intervals"]["gap"]["high"]
    assert json.loads((out / "scores.json").read_text()) == result
    assert {path.name for path in out.iterdir()} == {
        "scores.json",
        "classes.csv",
        "confusions.csv",
        "f1_histogram.png",
        "f1_by_class_size.png",
        "confusions.png",
        "precision.png",
    }
    classes = pd.read_csv(out / "classes.csv").set_index("landmark_id")
    assert classes["training_photographs"].to_dict() == {1: 10, 2: 7, 3: 6}
    assert classes.loc[1, ["queries", "predicted", "on_distractors", "right"]].tolist() == [1, 2, 1, 1]
    assert (out / "confusions.csv").read_text() == "landmark_id,predicted_id,queries,share\n2,1,1,1\n"


def test_a_second_run_writes_the_same_bytes(tmp_path: Path, files: dict[str, Path]) -> None:
    for name in ("one", "two"):
        run(ScoreConfig(predictions=files["before"], solution=files["solution"], out=tmp_path / name, resamples=10))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_comparison(tmp_path: Path, files: dict[str, Path]) -> None:
    out = tmp_path / "out"
    config = ScoreConfig(
        predictions=files["after"], against=files["before"], solution=files["solution"], out=out, resamples=50
    )
    found = run(config)["comparison"]
    assert found["differences"]["gap"] == pytest.approx(1 - 1 / 3)
    assert found["intervals"]["gap"]["value"] == pytest.approx(1 - 1 / 3)
    assert found["against"]["gap"] == pytest.approx(1 / 3)
    kinds = {name: count for name, count in found["changes"].items() if count}
    assert kinds == {"gained": 2, "withdrawn": 1, "same": 1}
    assert (out / "changes.csv").read_text().splitlines() == [
        "id,shows,change,landmark_id_before,landmark_id_after,score_before,score_after",
        "b,False,withdrawn,1,,0.8,",
        "c,True,gained,1,2,0.7,0.95",
        "d,True,gained,,3,,0.2",
    ]
    assert (out / "changes.png").is_file()


def test_retrieval(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,images\nq1,a x b\n")
    (tmp_path / "s.csv").write_text("id,images,Usage\nq1,a b,Public\nq2,c,Public\n")
    out = tmp_path / "out"
    result = run(ScoreConfig(predictions=tmp_path / "p.csv", solution=tmp_path / "s.csv", out=out))
    assert result["map_at_100"] == pytest.approx((1 + 2 / 3) / 4)
    rows = (out / "queries.csv").read_text().splitlines()
    assert rows == ["id,average_precision,right_results,right_in_index", "q1,0.833333333,2,2", "q2,0,0,1"]
    with pytest.raises(ValueError, match="holds results of retrieval"):
        run(ScoreConfig(predictions=tmp_path / "p.csv", solution=tmp_path / "s.csv", against=tmp_path / "p.csv"))


def test_lines(files: dict[str, Path]) -> None:
    config = ScoreConfig(predictions=files["after"], against=files["before"], solution=files["solution"], resamples=20)
    text = lines(run(config))
    assert text[0].startswith("gap ")
    assert "95% interval" in text[0]
    place = text.index("difference to the predictions compared against")
    assert "+0.666667  (+" in text[place + 1]
    assert any(line.split() == ["gained", "2"] for line in text)


def test_no_resamples_no_intervals(files: dict[str, Path]) -> None:
    result = run(
        ScoreConfig(predictions=files["after"], against=files["before"], solution=files["solution"], resamples=0)
    )
    assert "intervals" not in result
    assert "intervals" not in result["comparison"]


def test_empty_predictions_score_zero(tmp_path: Path, files: dict[str, Path]) -> None:
    files["before"].write_text("id,landmarks\na,\nb,\nc,\nd,\ne,\n")
    result = run(ScoreConfig(predictions=files["before"], solution=files["solution"], out=tmp_path / "out"))
    assert {result[name] for name in ("gap", "top1", "f1_macro", "precision_micro", "predictions")} == {0}
    assert (tmp_path / "out" / "confusions.csv").read_text() == "landmark_id,predicted_id,queries,share\n"


def test_only_distractors_are_refused(tmp_path: Path, files: dict[str, Path]) -> None:
    files["solution"].write_text("id,landmarks,Usage\na,,Public\nb,,Public\nc,,Public\nd,,Public\ne,,Public\n")
    with pytest.raises(ValueError, match="GAP is undefined"):
        run(ScoreConfig(predictions=files["before"], solution=files["solution"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resamples": -1}, "resamples=-1"),
        ({"out": Path("x")}, "--out needs --predictions"),
        ({"against": Path("x")}, "--against needs --predictions"),
        ({"predictions": Path("x"), "class_sizes": Path("y")}, "give --out DIR too"),
    ],
)
def test_refusals(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScoreConfig(**options)

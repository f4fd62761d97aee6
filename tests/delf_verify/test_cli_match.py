import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from delf_verify.cli import app
from tfrecords_builder.terminal import run_app

QUERY, SAME, OTHER = "queries/query10x0.jpg", "index/index10x0.jpg", "index/index20x0.jpg"


def match(*arguments: object) -> int:
    return run_app(app, ["match", *map(str, arguments), "--workers", "1"])


@pytest.fixture
def listed(verify_world: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """A list of pairs away from its photographs, and the options that name both."""
    pairs, out = tmp_path / "in" / "pairs.csv", tmp_path / "out" / "scores.csv"
    pairs.parent.mkdir()
    pairs.write_text("\n".join(["b,note,a", f"{SAME},1,{QUERY}", f"{OTHER},2,{QUERY}", f"{SAME},3,{QUERY}"]) + "\n")
    return SimpleNamespace(
        pairs=pairs, out=out, options=["--pairs", pairs, "--images", verify_world.root, "--out", out]
    )


def rows_of(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()]


def test_a_list_has_the_numbers_of_each_pair_alone(
    listed: SimpleNamespace, verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert match(*listed.options) == 0
    assert f"3 of 3 pairs scored: {listed.out}" in capsys.readouterr().out
    header, *rows = rows_of(listed.out)
    assert header == ["a", "b", "matches", "inliers", "probability"]
    assert [row[:2] for row in rows] == [[QUERY, SAME], [QUERY, OTHER], [QUERY, SAME]]
    assert rows[0] == rows[2]
    for row in rows[:2]:
        pair = [verify_world.root / name for name in row[:2]]
        assert match(*pair, "--out", tmp_path / "drawing.png", "--json") == 0
        counts = json.loads(capsys.readouterr().out)
        assert row[2:4] == [str(counts["matches"]), str(counts["inliers"])]
    assert rows_of(listed.out.with_name("scores_refused.csv")) == [["id", "reason", "detail"]]


def test_photographs_lie_beside_the_list_by_default(listed: SimpleNamespace, verify_world: SimpleNamespace) -> None:
    for folder in ("queries", "index"):
        shutil.copytree(verify_world.root / folder, listed.pairs.parent / folder)
    assert match(*listed.options) == 0
    here = listed.out.with_name("here.csv")
    assert match("--pairs", listed.pairs, "--out", here) == 0
    assert here.read_bytes() == listed.out.read_bytes()


def test_refused_photographs_leave_their_numbers_empty(
    listed: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with listed.pairs.open("a") as file:
        file.write(f"index/gone.jpg,4,{QUERY}\n")
    assert match(*listed.options, "--json") == 3
    said = capsys.readouterr()
    assert json.loads(said.out) == {"pairs": 4, "scored": 3, "refused": 1, "out": str(listed.out)}
    assert "1 photographs could not be read" in said.err and "scores_refused.csv lists them" in said.err
    assert rows_of(listed.out)[-1] == [QUERY, "index/gone.jpg", "", "", ""]
    assert rows_of(listed.out.with_name("scores_refused.csv"))[1][:2] == ["index/gone.jpg", "missing"]


def test_features_of_another_folder_are_not_taken_for_these(
    listed: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert match(*listed.options) == 0
    (tmp_path / "elsewhere").mkdir()
    assert match(*listed.options, "--images", tmp_path / "elsewhere") == 2
    assert "delete it or give another --out" in capsys.readouterr().err


def test_probabilities_are_those_of_the_given_fit(listed: SimpleNamespace, tmp_path: Path) -> None:
    from delf_verify.decision import Thresholds, save_thresholds
    from delf_verify.extract import load_extractor
    from delf_verify.probability import ProbabilityModel

    fit = ProbabilityModel(
        method="logistic",
        inputs=("num_inliers",),
        coefficients=(2.0,),
        lows=(0.0,),
        highs=(9.0,),
        intercept=-8.0,
    )
    fingerprint = load_extractor("sift").fingerprint
    save_thresholds(Thresholds(pair=fit, extractor=fingerprint), tmp_path / "rule.yaml")
    assert match(*listed.options, "--thresholds", tmp_path / "rule.yaml") == 0
    # 1 / (1 + exp(8 - 2 log(1 + n))) = 1 / (1 + e^8 / (1 + n)^2)
    for row in rows_of(listed.out)[1:]:
        assert float(row[4]) == pytest.approx(1 / (1 + 2980.958 / (1 + int(row[3])) ** 2), abs=2e-6)
    save_thresholds(Thresholds(extractor=fingerprint), tmp_path / "rule.yaml")
    assert match(*listed.options, "--thresholds", tmp_path / "rule.yaml") == 0
    assert all(row[4] == "" for row in rows_of(listed.out)[1:])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give either two photographs A and B, or --pairs CSV"),
        (["a.jpg"], 2, "give either two photographs"),
        (["a.jpg", "b.jpg", "--pairs", "c.csv"], 2, "give either two photographs"),
        (["a.jpg", "b.jpg", "--images", "."], 2, "--images and --thresholds belong to --pairs"),
        (["--pairs", "none.csv"], 1, "no CSV file at none.csv"),
        (["--pairs", "LIST", "--images", "nowhere"], 1, "no folder of photographs at nowhere"),
        (["--pairs", "LIST", "--features", "surf"], 2, "surf"),
        (["--pairs", "LIST", "--thresholds", "none.yaml"], 1, "none.yaml"),
        (["--pairs", "LIST", "--thresholds", "OTHER"], 2, "tuned for the features 'delf-1'"),
    ],
)
def test_exit_codes(
    listed: SimpleNamespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    (tmp_path / "other.yaml").write_text("extractor: delf-1\n")
    places = {"LIST": str(listed.pairs), "OTHER": str(tmp_path / "other.yaml")}
    assert match(*(places.get(part, part) for part in arguments), "--out", listed.out) == code
    assert message in capsys.readouterr().err

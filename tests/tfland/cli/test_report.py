from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from tfland.cli import report
from tfrecords_builder.terminal import run_app


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    report.register(app)
    return app


def test_with_the_truth_and_names(
    app: typer.Typer,
    verified_folder: Path,
    verify_world: SimpleNamespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "labels.csv").write_text("landmark_id,category\n10,<b>tower\n")
    arguments = ["report", verified_folder, "--solution", verify_world.solution, "--labels", tmp_path / "labels.csv"]
    # `unknown` is predicted but not part of the solution's world: it shows none of its landmarks.
    assert run_app(app, [str(part) for part in (*arguments, "--cards", 2)]) == 0
    page = Path(capsys.readouterr().out.strip())
    text = page.read_text()
    assert page == verified_folder / "report" / "index.html"
    assert "GAP before and after verification" in text and "truth: right" in text
    assert "&lt;b&gt;tower" in text and "<b>tower" not in text


def test_without_any_truth(app: typer.Typer, verified_folder: Path) -> None:
    assert run_app(app, ["report", str(verified_folder), "--cards", "0"]) == 0
    text = (verified_folder / "report" / "index.html").read_text()
    assert "Self-verified GAP" in text and "Verdict against the truth" not in text
    assert "No evidence is drawn" in text


def test_with_finished_figures(app: typer.Typer, verified_folder: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    summary.write_text('{"true_kept": 0.123, "seconds": {"verify": 4.5}}')
    assert run_app(app, ["report", str(verified_folder), "--figures", str(summary), "--cards", "0"]) == 0
    text = (verified_folder / "report" / "index.html").read_text()
    assert "12.3%" in text and "Seconds per stage" in text


@pytest.mark.parametrize(
    ("option", "content", "code", "message"),
    [
        ("--figures", "{", 2, "is not JSON"),
        ("--figures", "[1]", 2, "must hold a JSON object"),
        ("--labels", "id,name\n1,x\n", 2, r"lacks the columns ['landmark_id', 'category']"),
        ("--solution", "id\n1\n", 2, "landmarks"),
    ],
)
def test_bad_files(
    app: typer.Typer,
    verified_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
    content: str,
    code: int,
    message: str,
) -> None:
    (tmp_path / "bad").write_text(content)
    assert run_app(app, ["report", str(verified_folder), option, str(tmp_path / "bad")]) == code
    assert message in capsys.readouterr().err
    assert run_app(app, ["report", str(tmp_path)]) == 1

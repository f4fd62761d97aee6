"""`tfland rerank`: embeddings on disk in, predictions out, and a kill at any moment."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfland.cli.main import app
from tfland.recognition import rerank as job
from tfland.recognition.ranking import rank
from tfland.recognition.ranking_config import RankingConfig
from tfland.recognition.rerank import RerankConfig, RerankInputs, open_models, rerank_to_file
from tfland.recognition.rerank_work import Work
from tfland.recognition.voting import knn
from tfrecords_builder.terminal import run_app

QUERIES, INDEX, POOL, SIZE = 25, 60, 15, 12


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Embeddings of two models: float16 and float32; query 3 is non-landmark 2. Parts of a few rows."""
    rng = np.random.default_rng(0)
    for name, count in (("q", QUERIES), ("i", INDEX), ("n", POOL)):
        np.save(tmp_path / f"{name}0.npy", rng.normal(size=(count, SIZE)).astype(np.float16))
        np.save(tmp_path / f"{name}1.npy", rng.normal(size=(count, 7)).astype(np.float32))
    for name in ("0", "1"):
        queries, pool = np.load(tmp_path / f"q{name}.npy"), np.load(tmp_path / f"n{name}.npy")
        pool[2] = queries[3]
        np.save(tmp_path / f"n{name}.npy", pool)
    (tmp_path / "q.csv").write_text("id\n" + "".join(f"q{n}\n" for n in range(QUERIES)))
    (tmp_path / "n.csv").write_text("id\n" + "".join(f"{'q3' if n == 2 else f'n{n}'}\n" for n in range(POOL)))
    (tmp_path / "i.csv").write_text("id,landmark_id\n" + "".join(f"i{n},{n % 9 * 10}\n" for n in range(INDEX)))
    monkeypatch.setattr(job, "_QUERIES", 10)
    monkeypatch.setattr(job, "_INDEX_ROWS", 25)
    return tmp_path


def options(folder: Path, *more: str, models: int = 2) -> list[str]:
    given = ["rerank", "--out", str(folder / "out.csv")]
    for name, option in (("q", "query"), ("i", "index"), ("n", "non-landmark")):
        given += [f"--{option}-csv", str(folder / f"{name}.csv")]
        for model in range(models):
            given += [f"--{option}-embeddings", str(folder / f"{name}{model}.npy")]
    return [*given, *more]


def arrays(folder: Path) -> list[list[np.ndarray]]:
    return [[np.load(folder / f"{name}{model}.npy") for model in (0, 1)] for name in "qin"]


LANDMARKS = np.arange(INDEX) % 9 * 10


@pytest.mark.parametrize("ensemble", ["concat", "per_model"])
def test_ranked_as_in_memory(folder: Path, ensemble: str) -> None:
    assert run_app(app, options(folder, "--ensemble", ensemble, "--candidates", "3")) == 0
    queries, index, pool = arrays(folder)
    own = np.full(QUERIES, -1)
    own[3] = 2
    found = rank(queries, index, LANDMARKS, pool, RankingConfig(ensemble=ensemble), own_rows=own).best(3)
    rows = zip(found.query_rows, found.landmark_ids, found.scores.astype(float), strict=True)
    expected = ["id,landmark_id,score", *(f"q{row},{mark},{score:.9g}" for row, mark, score in rows)]
    assert (folder / "out.csv").read_text().splitlines() == expected
    assert sorted(path.name for path in folder.glob("out*")) == ["out.csv", "out.csv.json"]


def test_knn_in_submission_form(folder: Path) -> None:
    assert run_app(app, options(folder, "--method", "knn", "--neighbors", "4", models=1)) == 0
    queries, index, _ = arrays(folder)
    found = knn(queries[0], index[0], LANDMARKS, neighbors=4, power=8).best()
    lines = (folder / "out.csv").read_text().splitlines()
    assert lines[0] == "id,landmarks"
    assert [int(line.split(",")[1].split()[0]) for line in lines[1:]] == found.landmark_ids.tolist()
    np.testing.assert_allclose([float(line.split()[1]) for line in lines[1:]], found.scores, rtol=1e-5)


@pytest.mark.parametrize(
    "switches", [["--no-quantile"], ["--no-index-penalty"], ["--no-query-penalty"], ["--top-index", "1"]]
)
def test_every_switch_acts(folder: Path, switches: list[str]) -> None:
    run_app(app, options(folder))
    usual = (folder / "out.csv").read_text()
    assert run_app(app, options(folder, *switches)) == 0
    assert (folder / "out.csv").read_text() != usual


def test_without_non_landmarks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [
        text
        for text in options(folder, models=1)
        if "non-landmark" not in text and not text.endswith(("n.csv", "n0.npy"))
    ]
    assert run_app(app, given) == 2
    assert "give their embeddings or switch both penalties off" in capsys.readouterr().err
    assert run_app(app, [*given, "--no-index-penalty", "--no-query-penalty"]) == 0


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def killed_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """Ends the run at its n-th write, half way: before the renaming that makes it count."""
    left = writes

    def counted(original: Callable) -> Callable:
        def replace(self: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return original(self, target)

        return replace

    monkeypatch.setattr(Path, "replace", counted(Path.replace))


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first queries of the parts that are searched from now on."""
    starts: list[int] = []
    original = job.Ranker.rank

    def rank_part(self: job.Ranker, start: int, *rest: Any) -> Any:
        starts.append(start)
        return original(self, start, *rest)

    monkeypatch.setattr(job.Ranker, "rank", rank_part)
    return starts


def test_a_kill_at_any_write_loses_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_app(app, options(folder)) == 0
    expected = (folder / "out.csv").read_bytes()
    for writes in range(40):
        for name in ("out.csv", "out.csv.json"):
            (folder / name).unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            killed_after(patch, writes)
            try:
                run_app(app, options(folder))
                break
            except Killed:
                pass
        with monkeypatch.context() as patch:
            searched = recorded(patch)
            assert run_app(app, options(folder)) == 0
        kept = max(0, min(3, writes - 7))
        assert searched == [0, 10, 20][kept:], writes
        assert (folder / "out.csv").read_bytes() == expected
        assert not (folder / "out.csv.work").exists()
    assert writes == 12


def test_finished_work_is_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_app(app, options(folder))
    with monkeypatch.context() as patch:
        patch.setattr(job, "prepare", lambda *_: pytest.fail("it began again"))
        assert run_app(app, options(folder, "--block-mib", "1", "--engine", "faiss")) == 0
    (folder / "out.csv").write_text("changed\n")
    assert run_app(app, options(folder)) == 0
    assert (folder / "out.csv").read_text() != "changed\n"


def test_parts_of_other_embeddings_are_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_after(patch, 9)
        run_app(app, options(folder))
    index = np.load(folder / "i0.npy")
    np.save(folder / "i0.npy", index[::-1].copy())
    assert run_app(app, options(folder)) == 0
    interrupted = (folder / "out.csv").read_bytes()
    (folder / "out.csv").unlink()
    assert run_app(app, options(folder)) == 0
    assert (folder / "out.csv").read_bytes() == interrupted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--method", "best"], r"method must be one of \['ranked', 'knn'\], got 'best'"),
        (["--candidates", "0"], "candidates is 0; give at least 1, 0 and 1"),
        (["--power", "-1"], "power is -1.0"),
        (["--top-index", "0"], "ranking.top_index must be at least 1, got 0"),
        (["--index-embeddings", "q0.npy"], "q0.npy holds 25 vectors and"),
        (["--index-csv", "n.csv"], "i0.npy holds 60 vectors and"),
    ],
)
def test_what_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], change: list[str], message: str) -> None:
    changed = [str(folder / text) if text.endswith((".npy", ".csv")) else text for text in change]
    assert run_app(app, options(folder, *changed)) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (folder / "out.csv").exists()


def test_an_index_without_landmarks(folder: Path) -> None:
    queries = open_models([folder / "q0.npy"], folder / "q.csv")
    with pytest.raises(ValueError, match="its CSV must be id,landmark_id"):
        RerankInputs(queries=queries, index=queries)
    with pytest.raises(ValueError, match="queries of model 1 are other photographs than those of model 0"):
        others = open_models([folder / "n0.npy"], folder / "n.csv")
        RerankInputs(queries=[*queries, *others], index=open_models([folder / "i0.npy"], folder / "i.csv"))


def test_an_empty_array_is_not_mapped(tmp_path: Path) -> None:
    work = Work(tmp_path / "work", {})
    work.create("nothing", 0, 1)
    assert work.finish("nothing").shape == (0, 1)


def test_configuration_alone(folder: Path) -> None:
    inputs = RerankInputs(
        queries=open_models([folder / "q0.npy"], folder / "q.csv"),
        index=open_models([folder / "i0.npy"], folder / "i.csv"),
    )
    config = RerankConfig(method="knn", neighbors=1, power=1)
    assert rerank_to_file(inputs, folder / "out.csv", config) == QUERIES

"""The pipeline ends with the bytes of a local run. `make test-beam` runs it with Apache Beam, other runs without."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from delf_verify import beam_pipeline, comparison_plan
from delf_verify.beam_pipeline import BeamMachines
from delf_verify.cli import app
from delf_verify.config import default_config
from delf_verify.decision import Thresholds
from delf_verify.inputs import read_predictions
from delf_verify.sources import FolderSource
from delf_verify.verify import Machines, Photographs, verify_batch
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.terminal import run_app

HERE = ("--runner=DirectRunner",)
FILES = ("verified.csv", "verified.parquet", "reranked.csv", "evidence.csv", "refused.csv", "verify.json")


@pytest.fixture(scope="module")
def world(verify_world: SimpleNamespace) -> SimpleNamespace:
    """`verify_world` with photographs that are refused: a query, an index image, and all of one landmark's."""
    index, predictions = read_photographs(verify_world.index_csv), read_predictions(verify_world.predictions)
    more = pd.DataFrame({"id": ["gone_index", "gone_only"], "landmark_id": [20, 50]})
    asked = pd.DataFrame({"id": ["gone_query", "query20x0"], "landmark_id": [10, 50], "score": [0.3, 0.1]})
    return SimpleNamespace(
        predictions=pd.concat([predictions, asked], ignore_index=True),
        index=pd.concat([index, more], ignore_index=True),
        queries=verify_world.queries,
        images=verify_world.index,
    )


@pytest.fixture(scope="module", autouse=True)
def small_tasks() -> Any:
    """Several tasks of each kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beam_pipeline, "_IMAGES_PER_TASK", 4)
        patch.setattr(comparison_plan, "_PAIRS_PER_PART", 6)
        yield


@pytest.fixture(scope="module")
def local(world: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a local run; do not change it."""
    return run(world, tmp_path_factory.mktemp("local") / "out")


def run(world: SimpleNamespace, out: Path, machines: Machines | None = None) -> Path:
    verify_batch(
        predictions=world.predictions,
        index=world.index,
        queries=Photographs(source=FolderSource(world.queries), name=str(world.queries)),
        index_images=Photographs(source=FolderSource(world.images), name=str(world.images)),
        features="sift",
        out_dir=out,
        config=default_config("sift").with_thresholds(Thresholds(max_inliers=60, mean_inliers=40)),
        machines=machines,
    )
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Without a runner: the pipeline is a plain map, here backwards and with every task twice, as a runner may do."""
    seen: list[tuple[str, int]] = []

    def backwards(name: str, paths: Sequence[str], step: Any, work: Any, _flags: Sequence[str]) -> None:
        done = [step(path, work) for path in reversed(paths) for _ in range(2)]
        seen.append((name, len(paths)))
        if name == "Extract":
            assert done[1::2] == [0] * len(paths)

    monkeypatch.setattr(beam_pipeline, "_require_beam", lambda: None)
    monkeypatch.setattr(beam_pipeline, "_run_pipeline", backwards)
    return seen


def test_tasks_as_workers_do_them(world: SimpleNamespace, local: Path, tmp_path: Path, steps: list) -> None:
    out = run(world, tmp_path / "out", BeamMachines(HERE))
    assert contents(out) == contents(local)
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in local.iterdir())
    refused = pd.read_csv(out / "refused.csv")
    assert sorted(refused["id"]) == ["gone_index", "gone_only", "gone_query"]
    # Ten and eleven photographs by four; twelve queries by six pairs at most.
    assert [name for name, _ in steps] == ["Extract", "Compare"]
    assert min(count for _, count in steps) >= 4


def test_the_machine_of_the_command_did_nothing_else(
    world: SimpleNamespace, tmp_path: Path, steps: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the test above would pass with a pipeline that does nothing."""
    from delf_verify import verify

    waiting: list[int] = []
    monkeypatch.setattr(verify, "compare", lambda parts, *_, **__: waiting.append(len(parts.waiting())))
    missing: list[list[str]] = []
    extract = verify.extract_missing
    monkeypatch.setattr(
        verify,
        "extract_missing",
        lambda ids, *, store, **rest: missing.append(store.missing(ids)) or extract(ids, store=store, **rest),
    )
    run(world, tmp_path / "out", BeamMachines(HERE))
    assert waiting == [0]
    assert [sorted(ids) for ids in missing] == [["gone_query"], ["gone_index", "gone_only"]]


def test_local_runs_and_pipelines_go_on_with_each_others_work(
    world: SimpleNamespace, local: Path, tmp_path: Path, steps: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    from delf_verify import verify

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(verify, "compare", stop)
        run(world, tmp_path / "out")
    assert contents(run(world, tmp_path / "out", BeamMachines(HERE))) == contents(local)
    # What was refused before is tried again, nothing else.
    assert steps[0] == ("Extract", 2)
    steps.clear()
    assert contents(run(world, tmp_path / "out", BeamMachines(HERE))) == contents(local)
    assert steps == [("Extract", 2)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_with_a_runner(world: SimpleNamespace, local: Path, tmp_path: Path, mode: str) -> None:
    pytest.importorskip("apache_beam", reason="Apache Beam has its own environment: make test-beam")
    flags = (*HERE, f"--direct_running_mode={mode}", "--direct_num_workers=2")
    assert contents(run(world, tmp_path / "out", BeamMachines(flags))) == contents(local)


def test_the_command(verify_world: SimpleNamespace, tmp_path: Path, steps: list) -> None:
    arguments = ["verify", "--predictions", verify_world.predictions, "--queries", verify_world.queries]
    arguments += ["--index-csv", verify_world.index_csv, "--index-images", verify_world.index, "--workers", 1]
    for name, flags in (("local", []), ("beam", ["--", *HERE])):
        assert run_app(app, [str(part) for part in (*arguments, "--out", tmp_path / name, *flags)]) == 0
    assert [name for name, _ in steps] == ["Extract", "Compare"]
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")


def test_mistakes(world: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"'DirectRunner' is no flag of Apache Beam"):
        BeamMachines(("DirectRunner",))
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfland\[beam\]'"):
        BeamMachines(HERE)
    monkeypatch.setattr(beam_pipeline, "_require_beam", lambda: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"gs:/bucket/out is an address; give a folder on a disk that all workers see"):
        run(world, Path("gs://bucket/out"), BeamMachines(HERE))

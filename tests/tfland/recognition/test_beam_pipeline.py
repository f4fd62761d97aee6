"""The pipeline ends with the bytes of a plain run. `make test-beam` runs it with Apache Beam, other runs without."""

import sys
from pathlib import Path

import keras
import pytest

from tfland.config_io import config_from_dict, save_config
from tfland.recognition import beam_pipeline, embed_parts
from tfland.recognition import embed as job_module
from tfland.recognition.beam_pipeline import EmbedJob, embed_planned_part, embed_with_beam
from tfland.recognition.embed import EmbedConfig, embed
from tfland.recognition.embedder import Embedder, ViewConfig
from tfrecords_builder.terminal import Refused

HERE = ["--runner=DirectRunner"]
FILES = ("embeddings.npy", "rows.csv", "embeddings.json", "refused.csv")


@pytest.fixture
def job(photographs: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbedJob:
    """Forty photographs and a missing one, in parts of nine."""
    for module in (job_module, embed_parts):
        monkeypatch.setattr(module, "PART_ROWS", 9)
    model = tmp_path / "model"
    model.mkdir()
    save_config(
        config_from_dict({"data": {"shards": "none", "image_size": 32}, "training": {"model_dir": str(model)}}),
        model / "config.yaml",
    )
    image = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, strides=2)(image))
    keras.Model(image, {"embedding": x}).save(model / "model.keras")
    (tmp_path / "all.csv").write_text("id\n" + "".join(f"{one}\n" for one in [*photographs[1], "gone"]))
    return EmbedJob(
        model=model,
        views=ViewConfig(flip=True),
        csv=tmp_path / "all.csv",
        images=photographs[0],
        out=tmp_path / "beam",
        config=EmbedConfig(batch_size=4),
    )


@pytest.fixture
def local(job: EmbedJob, tmp_path: Path) -> dict[str, bytes]:
    """The files of a plain run."""
    with pytest.raises(Refused, match=r"40 rows in .*; 1 photographs"):
        embed(Embedder.load(job.model, job.views), job.photographs(), tmp_path / "local", job.config)
    return contents(tmp_path / "local")


def contents(folder: Path) -> dict[str, bytes]:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return {name: (folder / name).read_bytes() for name in FILES}


def test_parts_as_workers_do_them(job: EmbedJob, local: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a runner: the pipeline is a plain map of this function."""
    done: list[int] = []

    def backwards(numbers: list[int], planned: EmbedJob, _arguments: list[str]) -> None:
        done.extend(numbers)
        assert [embed_planned_part(number, planned) for number in reversed(numbers)] == [5, 9, 9, 9]

    monkeypatch.setattr(beam_pipeline, "_require_beam", lambda: None)
    monkeypatch.setattr(beam_pipeline, "_run_pipeline", backwards)
    # A share that a machine did before it stays done.
    embed(Embedder.load(job.model, job.views), job.photographs(), job.out, EmbedConfig(batch_size=4, share=(0, 5)))
    for _ in range(2):  # the second time nothing is left to do
        with pytest.raises(Refused, match=r"40 rows in"):
            embed_with_beam(job, HERE)
        assert contents(job.out) == local
    assert done == [1, 2, 3, 4]


@pytest.mark.slow
def test_with_a_runner(job: EmbedJob, local: dict[str, bytes]) -> None:
    pytest.importorskip("apache_beam", reason="Apache Beam has its own environment: make test-beam")
    with pytest.raises(Refused, match=r"40 rows in"):
        embed_with_beam(job, HERE)
    assert contents(job.out) == local


def test_mistakes(job: EmbedJob, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"'DirectRunner' is no flag of Apache Beam"):
        embed_with_beam(job, ["DirectRunner"])
    with pytest.raises(ValueError, match=r"out is gs:/bucket/x; give a folder on a disk that all workers see"):
        EmbedJob(model=job.model, views=job.views, shards="x", out=Path("gs://bucket/x"), config=job.config)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfland\[beam\]'"):
        embed_with_beam(job, HERE)
    assert not job.out.exists()

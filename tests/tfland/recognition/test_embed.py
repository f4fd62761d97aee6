"""`embed` writes one row a sound photograph, in order, and the same bytes however the work was cut up."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from tfland.recognition import embed as job
from tfland.recognition import embed_parts
from tfland.recognition.embed import EmbedConfig, embed
from tfland.recognition.embed_sources import CatalogPhotographs, ShardPhotographs
from tfland.recognition.embedder import Embedder
from tfland.recognition.embeddings import Embeddings, check_files
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.shards import build_shards
from tfrecords_builder.terminal import CheckFailed, Refused

Folder = tuple[Path, list[str]]
FILES = ("embeddings.npy", "rows.csv", "embeddings.json", "refused.csv")


def embedder_of(seed: int = 0, *, flip: bool = False, dead: bool = False) -> Embedder:
    keras.utils.set_random_seed(seed)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 5, strides=3, activation="relu")(keras.layers.Rescaling(1 / 128)(image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    # Without biases a black photograph has a zero vector.
    dense = keras.layers.Dense(6, use_bias=False, kernel_initializer="zeros" if dead else "glorot_uniform")
    return Embedder(keras.Model(image, {"embedding": dense(x)}), [(32, 32)], "exact", flip=flip)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return embedder_of()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Parts of 16 photographs: forty have three."""
    monkeypatch.setattr(job, "PART_ROWS", 16)
    monkeypatch.setattr(embed_parts, "PART_ROWS", 16)
    yield


@pytest.fixture
def source(photographs: Folder, tmp_path: Path) -> CatalogPhotographs:
    folder, ids = photographs
    table = tmp_path / "all.csv"
    table.write_text("id,landmark_id\n" + "".join(f"{one},{number % 3}\n" for number, one in enumerate(ids)))
    return CatalogPhotographs(table, folder)


def contents(folder: Path) -> dict[str, bytes]:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return {name: (folder / name).read_bytes() for name in FILES}


def test_rows_are_the_photographs_in_their_order(
    embedder: Embedder, source: CatalogPhotographs, photographs: Folder, tmp_path: Path
) -> None:
    assert embed(embedder, source, tmp_path / "out", EmbedConfig(dtype="float32")) == 40
    made = check_files(tmp_path / "out")
    assert made.ids.tolist() == photographs[1]
    assert made.landmark_ids is not None
    assert made.landmark_ids.tolist() == [number % 3 for number in range(40)]
    assert made.fingerprint == embedder.fingerprint
    pixels = [source.read(number).pixels for number in range(40)]
    alone = embedder.embed([embedder.fit(one) for one in pixels if isinstance(one, np.ndarray)])
    assert made.vectors.tobytes() == alone.tobytes()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_bytes_do_not_depend_on_how_the_work_is_cut(
    embedder: Embedder, source: CatalogPhotographs, tmp_path: Path, dtype: str
) -> None:
    cuts = [(1, 1), (2, 3), (3, 16), (8, 7)]
    made = []
    for workers, batch_size in cuts:
        out = tmp_path / f"out{workers}"
        embed(embedder, source, out, EmbedConfig(dtype=dtype, workers=workers, batch_size=batch_size))
        made.append(contents(out))
    assert all(other == made[0] for other in made[1:])


def test_shares_of_several_machines(embedder: Embedder, source: CatalogPhotographs, tmp_path: Path) -> None:
    embed(embedder, source, tmp_path / "whole")
    out = tmp_path / "out"
    assert [embed(embedder, source, out, EmbedConfig(share=(number, 2))) for number in (1, 0)] == [16, 24]
    with pytest.raises(FileNotFoundError, match="holds no finished embeddings"):
        Embeddings.load(out)
    assert embed(embedder, source, out) == 40
    assert contents(out) == contents(tmp_path / "whole")


def test_finished_work_is_not_done_again(
    embedder: Embedder,
    source: CatalogPhotographs,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    # Two parts of three, then the rest.
    embed(embedder, source, out, EmbedConfig(share=(0, 2)))
    seen = []
    read = source.read
    monkeypatch.setattr(source, "read", lambda number: (seen.append(number), read(number))[1])
    embed(embedder, source, out)
    assert sorted(seen) == list(range(16, 32))
    before = contents(out)
    caplog.set_level("INFO")
    assert embed(embedder, source, out) == 40
    assert "all 40 rows" in caplog.text
    assert (len(seen), contents(out)) == (16, before)


def test_another_job_is_refused(embedder: Embedder, source: CatalogPhotographs, tmp_path: Path) -> None:
    embed(embedder, source, tmp_path / "out", EmbedConfig(share=(0, 2)))
    with pytest.raises(
        ValueError, match=r"unfinished embeddings of another kind .dtype was 'float16' and is 'float32'"
    ):
        embed(embedder, source, tmp_path / "out", EmbedConfig(dtype="float32"))
    with pytest.raises(ValueError, match=r"model.flip was False and is True"):
        embed(embedder_of(flip=True), source, tmp_path / "out")
    embed(embedder, source, tmp_path / "out")
    for other in (embedder_of(1), embedder_of(flip=True)):
        with pytest.raises(ValueError, match="holds embeddings of another model, of other photographs or views"):
            embed(other, source, tmp_path / "out")


def test_what_cannot_be_embedded_is_listed(embedder: Embedder, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("good", "fine", "cut"):
        cv2.imwrite(str(folder / f"{name}.jpg"), rng.integers(0, 255, (40, 40, 3), np.uint8))
    cv2.imwrite(str(folder / "black.jpg"), np.zeros((40, 40, 3), np.uint8))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:300])
    table = tmp_path / "some.csv"
    table.write_text("id\ngone\nempty\ngood\ncut\nblack\nfine\n")
    source = CatalogPhotographs(table, folder)
    for _ in range(2):  # a finished folder says so again
        with pytest.raises(Refused, match=r"2 rows in .*; 4 photographs have no embedding: see .*refused.csv"):
            embed(embedder, source, tmp_path / "out")
        made = Embeddings.load(tmp_path / "out")
        assert made.ids.tolist() == ["good", "fine"]
        assert made.landmark_ids is None
    with (tmp_path / "out" / "refused.csv").open() as file:
        reasons = {row["id"]: (row["reason"], row["detail"]) for row in csv.DictReader(file)}
    assert list(reasons) == ["black", "cut", "empty", "gone"]
    assert reasons["black"] == ("no_embedding", "the model's vector is zero")
    assert reasons["gone"][0] == "missing"
    # The same vectors as without the bad ones.
    table.write_text("id\ngood\nfine\n")
    embed(embedder, CatalogPhotographs(table, folder), tmp_path / "clean")
    assert (tmp_path / "clean" / "embeddings.npy").read_bytes() == (tmp_path / "out" / "embeddings.npy").read_bytes()


def test_shards_have_the_vectors_of_the_folder(
    embedder: Embedder, source: CatalogPhotographs, photographs: Folder, tmp_path: Path
) -> None:
    build_shards(BuildConfig(csv=tmp_path / "all.csv", images=photographs[0], out=tmp_path / "shards", num_shards=3))
    embed(embedder, source, tmp_path / "a")
    embed(embedder, ShardPhotographs(str(tmp_path / "shards" / "train-*.tfrecord")), tmp_path / "b")
    folder, shards = Embeddings.load(tmp_path / "a"), Embeddings.load(tmp_path / "b")
    assert folder.landmark_ids is not None and shards.landmark_ids is not None
    first, second = np.argsort(folder.ids), np.argsort(shards.ids)
    assert (folder.ids[first] == shards.ids[second]).all()
    assert (folder.landmark_ids[first] == shards.landmark_ids[second]).all()
    assert (folder.vectors[first] == shards.vectors[second]).all()


def test_one_photograph(embedder: Embedder, photographs: Folder, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(f"id\n{photographs[1][0]}\n")
    assert embed(embedder, CatalogPhotographs(tmp_path / "one.csv", photographs[0]), tmp_path / "out") == 1


def test_nothing_at_all(source: CatalogPhotographs, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=r"none of 40 photographs could be embedded, the first for no_embedding"):
        embed(embedder_of(dead=True), source, tmp_path / "out")


def test_nan_is_refused(source: CatalogPhotographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = embedder_of()
    made = broken.embed

    def first_is_nan(*arguments: object) -> np.ndarray:
        vectors = made(*arguments)  # type: ignore[arg-type]
        vectors[0] = np.nan
        return vectors

    monkeypatch.setattr(broken, "embed", first_is_nan)
    with pytest.raises(Refused, match=r"37 rows in .*; 3 photographs"):
        embed(broken, source, tmp_path / "out", EmbedConfig(batch_size=16))
    assert "no_embedding,the model's vector holds NaN or infinity" in (tmp_path / "out" / "refused.csv").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int8"}, "dtype is 'int8'; give one of float16, float32"),
        ({"batch_size": 0}, "batch_size is 0; give 1 to"),
        ({"workers": 0}, "workers is 0"),
        ({"share": (2, 2)}, "share is 2/2; give I/N"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EmbedConfig(**options)


@pytest.mark.slow
def test_killed_at_every_file_it_ends_with_the_same_bytes(photographs: Folder, tmp_path: Path) -> None:
    folder, ids = photographs
    table = tmp_path / "all.csv"
    table.write_text("id,landmark_id\n" + "".join(f"{one},5\n" for one in [*ids, "gone"]))
    program = [
        sys.executable,
        str(Path(__file__).with_name("killed_embeds.py")),
        str(table),
        str(folder),
        str(tmp_path),
    ]
    result = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    first, *others = json.loads((tmp_path / "kills.json").read_text())
    assert os.waitstatus_to_exitcode(first) == 3
    assert len(others) >= 8
    assert [os.waitstatus_to_exitcode(status) for status in others] == [-9] * (len(others) - 1) + [3]
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")

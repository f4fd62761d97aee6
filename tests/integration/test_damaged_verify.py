"""Damaged files go through `verify`, as queries and as index photographs: none crashes it, each is named with why."""

import runpy
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from delf_verify.cli import app
from delf_verify.verified_files import read_refused, read_verified
from tfrecords_builder.images import ImageRefused, read_image
from tfrecords_builder.terminal import run_app

ROOT = Path(__file__).resolve().parents[2]
FILES = 150
# Landmark 5 has nothing but damaged files, landmark 8 nothing but a blank one.
LANDMARKS, ALL_BAD, ALL_BLANK = 5, 5, 8


def texture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return cv2.resize(coarse, (256, 192), interpolation=cv2.INTER_CUBIC)


def readable(path: Path) -> bool:
    try:
        return bool(read_image(path).size)
    except ImageRefused:
        return False


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every damaged file is a query and an index photograph."""
    folder = tmp_path_factory.mktemp("damaged") / "corpus"
    kinds = runpy.run_path(str(ROOT / "benchmarks/damaged.py"), run_name="damaged")["make_corpus"](folder, FILES, 3)
    images = folder / "images"
    bad = [image_id for image_id in kinds if not readable(images / f"{image_id}.jpg")]
    marks = {image_id: number % LANDMARKS for number, image_id in enumerate(kinds)} | dict.fromkeys(bad[:12], ALL_BAD)
    for landmark in range(LANDMARKS):
        marks[f"sound{landmark}"] = landmark
        cv2.imwrite(str(images / f"sound{landmark}.jpg"), texture(landmark))
    cv2.imwrite(str(images / "blank.jpg"), np.full((64, 64, 3), 127, np.uint8))
    marks["blank"] = ALL_BLANK
    rows = "".join(f"{image_id},{landmark}\n" for image_id, landmark in marks.items())
    (folder / "index.csv").write_text("id,landmark_id\n" + rows)
    asked = marks | {"sound0": ALL_BAD, "sound1": ALL_BLANK, "blank": 1}
    cells = "".join(f"{image_id},{landmark} 0.5\n" for image_id, landmark in asked.items())
    (folder / "predictions.csv").write_text("id,landmarks\n" + cells)
    return folder


def verify(world: Path, out: Path, workers: int) -> int:
    arguments = ["verify", "--predictions", world / "predictions.csv", "--index-csv", world / "index.csv"]
    arguments += ["--queries", world / "images", "--index-images", world / "images"]
    return run_app(app, [str(part) for part in (*arguments, "--out", out, "--workers", workers)])


@pytest.fixture(scope="module")
def verified(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("verified") / "out"
    assert verify(world, out, 1) == 3, "refused photographs are said with exit code 3"
    return out


@pytest.mark.slow
def test_every_damaged_query_is_unverified_with_its_reason(world: Path, verified: Path) -> None:
    table = read_verified(verified).set_index("id")
    refused = read_refused(verified)
    reasons = refused[refused["role"] == "query"].set_index("id")["reason"]
    expected = {path.stem for path in (world / "images").glob("*.jpg") if not readable(path)}
    assert set(reasons.index) == expected and len(expected) > FILES / 2 and len(set(reasons)) > 4
    for image_id, reason in reasons.items():
        row = table.loc[image_id]
        assert row["verdict"] == "unverified" and row["images_compared"] == 0
        assert row["reason"].startswith(f"the query cannot be read: {reason}")


@pytest.mark.slow
def test_damaged_index_photographs_are_left_out(world: Path, verified: Path) -> None:
    table, refused = read_verified(verified).set_index("id"), read_refused(verified)
    bad = set(refused.loc[refused["role"] == "index", "id"])
    assert bad == set(refused.loc[refused["role"] == "query", "id"])
    evidence = pd.read_csv(verified / "evidence.csv", dtype={"id": str, "image_id": str})
    assert not bad & set(evidence["image_id"]) and not bad & set(evidence["id"])
    assert "none of the 12 index images of landmark 5 can be read" in table.loc["sound0", "reason"]
    good = table[(table["verdict"] != "unverified")]
    assert (good["images_compared"] > 0).all() and good["max_inliers"].notna().all()


@pytest.mark.slow
def test_a_blank_photograph_is_a_normal_one_without_inliers(verified: Path) -> None:
    table = read_verified(verified).set_index("id")
    for image_id in ("blank", "sound1"):
        row = table.loc[image_id]
        assert (row["max_inliers"], row["spread"], row["inlier_ratio"], row["verdict"]) == (0, 0, 0, "distractor")
        assert row["images_compared"] > 0


@pytest.mark.slow
def test_two_workers_and_a_second_run_give_the_same_tables(world: Path, verified: Path, tmp_path: Path) -> None:
    assert verify(world, tmp_path / "out", 2) == 3
    names = ("verified.csv", "verified.parquet", "reranked.csv", "evidence.csv", "refused.csv")
    for _ in range(2):
        assert [(tmp_path / "out" / name).read_bytes() for name in names] == [
            (verified / name).read_bytes() for name in names
        ]
        assert verify(world, tmp_path / "out", 1) == 3

"""Features to match: random ones, and those of real photographs; finished verifications to report."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from delf_verify.config import VerifyConfig
from delf_verify.features import LocalFeatures
from delf_verify.sift import RootSift, SiftConfig
from delf_verify.verified_files import EVIDENCE_COLUMNS, EVIDENCE_FILE, REFUSED_FILE, VERIFIED_COLUMNS, VERIFIED_FILE

MakeFeatures = Callable[..., LocalFeatures]
Rows = Iterable[Sequence[Any]]
MakeVerification = Callable[..., Path]


@pytest.fixture
def make_features() -> MakeFeatures:
    """A function (count, dimension, seed) -> random features with unit descriptors."""

    def make(count: int, dimension: int = 16, seed: int = 0) -> LocalFeatures:
        rng = np.random.default_rng([count, dimension, seed])
        descriptors = rng.normal(size=(count, dimension))
        descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
        return LocalFeatures(
            rng.uniform(0, 500, (count, 2)).astype(np.float32),
            descriptors.astype(np.float32),
            rng.random(count).astype(np.float32),
            np.ones(count, np.float32),
        )

    return make


@pytest.fixture(scope="session")
def photograph_features() -> list[LocalFeatures]:
    """RootSIFT, 600 features each, of six photographs of two scenes; skipped where there are none."""
    folder = Path(__file__).resolve().parents[2] / "../shared/data/scenes"
    if not folder.is_dir():
        pytest.skip(f"no photographs at {folder}")
    paths = [*sorted((folder / "berlin").glob("*.jpg"))[:3], *sorted((folder / "sceaux_castle").glob("*.*"))[:3]]
    extractor = RootSift(SiftConfig(max_features=600, max_side=640))
    return [extractor.extract(np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])) for path in paths]


@pytest.fixture
def make_verification(tmp_path: Path) -> MakeVerification:
    """A function (predictions, images, refused, **record) -> folder of a verification whose photographs are gone.

    `predictions` and `images` are rows of verified.csv and evidence.csv, `refused` of refused.csv; `record` replaces
    entries of verify.json.
    """

    def make(predictions: Rows, images: Rows = (), refused: Rows = (), name: str = "verified", **record: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for file, header, rows in (
            (VERIFIED_FILE, VERIFIED_COLUMNS, predictions),
            (EVIDENCE_FILE, EVIDENCE_COLUMNS, images),
            (REFUSED_FILE, ["id", "reason", "detail", "role"], refused),
        ):
            with (folder / file).open("w", newline="", encoding="utf-8") as opened:
                writer = csv.writer(opened, lineterminator="\n")
                writer.writerow(header)
                writer.writerows(rows)
        content = {
            "queries": "gone",
            "index_images": "gone",
            "query_features": "features/queries",
            "index_features": "features/index",
            "extractor": "none",
            "evidence": "0",
            "settings": asdict(VerifyConfig()),
        }
        (folder / "verify.json").write_text(json.dumps(content | record))
        return folder

    return make

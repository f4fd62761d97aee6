"""Features to match: random ones, and those of real photographs."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from delf_verify.features import LocalFeatures
from delf_verify.sift import RootSift, SiftConfig

MakeFeatures = Callable[..., LocalFeatures]


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

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from delf_verify.extract import load_extractor
from delf_verify.feature_job import extract_missing
from delf_verify.feature_store import FeatureStore
from delf_verify.features import LocalFeatures
from tfrecords_builder.images import ImageRefused, Refusal


class Source:
    def __init__(self) -> None:
        self.read_ids: list[str] = []

    def read(self, image_id: str) -> np.ndarray:
        self.read_ids.append(image_id)
        if image_id == "bad":
            raise ImageRefused(Refusal.EMPTY, "0 bytes")
        return np.zeros((10, 10, 3), np.uint8)


class NoFeatures:
    fingerprint = "none-1"

    def extract(self, image: np.ndarray) -> LocalFeatures:
        return LocalFeatures.empty(4)


def run(store: Path, source: Source, ids: list[str]) -> dict[str, ImageRefused]:
    return extract_missing(
        ids,
        source=source,
        store=FeatureStore(store, "none-1"),
        features="delf:x",
        extractor=NoFeatures(),
        workers=4,
        what="images",
    )


def test_each_image_is_read_once_and_refusals_are_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = Source(), Source()
    refused = run(tmp_path, first, ["b", "a", "bad", "a"])
    assert first.read_ids == ["a", "b", "bad"]
    assert refused["bad"].reason is Refusal.EMPTY
    assert list(run(tmp_path, second, ["a", "b", "bad"])) == ["bad"]
    assert second.read_ids == ["bad"]
    with caplog.at_level("INFO"):
        run(tmp_path, second, ["a", "b"])
    assert "all 2 were extracted before" in caplog.text


class Batches(NoFeatures):
    """Takes many images at once, as a network does."""

    def __init__(self) -> None:
        self.together: list[int] = []

    def extract_many(self, images):
        images = list(images)
        self.together.append(len(images))
        return (LocalFeatures.empty(4) for _ in images)


def test_an_extractor_of_batches_sees_many_images(tmp_path: Path) -> None:
    extractor, store = Batches(), FeatureStore(tmp_path, "none-1")
    refused = extract_missing(
        ["b", "bad", "a"],
        source=Source(),
        store=store,
        features="delf:x",
        extractor=extractor,
        workers=4,
        what="images",
    )
    assert extractor.together == [2]
    assert (list(store), list(refused)) == (["a", "b"], ["bad"])


@dataclass(frozen=True)
class DeadlySource:
    """Photographs of noise; one of them takes the worker along, as the lack of memory does."""

    def read(self, image_id: str) -> np.ndarray:
        if image_id == "deadly":
            os._exit(9)
        if image_id.startswith("bad"):
            raise ImageRefused(Refusal.EMPTY, "0 bytes")
        return np.random.default_rng(int(image_id)).integers(0, 255, (60, 80, 3), dtype=np.uint8)


@pytest.mark.slow
def test_what_was_extracted_before_a_worker_died_is_kept(tmp_path: Path) -> None:
    extractor = load_extractor("sift")

    def extract(ids: list[str], workers: int, store: Path) -> dict[str, ImageRefused]:
        return extract_missing(
            ids,
            source=DeadlySource(),
            store=FeatureStore(store, extractor.fingerprint),
            features="sift",
            extractor=extractor,
            workers=workers,
            what="images",
        )

    numbers = [f"{number:02d}" for number in range(12)]
    with pytest.raises(RuntimeError, match=r"a worker process died .* run the same command again"):
        extract([*numbers, "deadly"], 2, tmp_path / "two")
    kept = list(FeatureStore(tmp_path / "two", extractor.fingerprint))
    assert 0 < len(kept) <= 12
    assert kept == numbers[: len(kept)]
    assert list(extract([*numbers, "bad1", "bad0"], 2, tmp_path / "two")) == ["bad0", "bad1"]
    extract(numbers, 1, tmp_path / "one")
    one, two = (FeatureStore(tmp_path / name, extractor.fingerprint) for name in ("one", "two"))
    assert list(one) == list(two) == numbers
    for name in numbers:
        np.testing.assert_array_equal(one.get(name).descriptors, two.get(name).descriptors)

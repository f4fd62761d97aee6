"""Batches out of a stream: order, sizes, how far ahead is read, refusals."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pytest

from delf_verify.batches import BatchExtractor, extract_all, in_batches
from delf_verify.features import Extractor, LocalFeatures
from tfrecords_builder.images import ImageRefused, Refusal


def image(value: int, size: int) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def features_of(picture: np.ndarray) -> LocalFeatures:
    value = np.full(1, picture[0, 0, 0], np.float32)
    return LocalFeatures(np.zeros((1, 2), np.float32), np.zeros((1, 4), np.float32), value, value)


class Device:
    """Runs batches; remembers which and in which order they were started and finished."""

    def __init__(self) -> None:
        self.events: list[tuple[str, list[int]]] = []

    def start(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        assert len({picture.shape for picture in images}) == 1
        self.events.append(("start", [int(picture[0, 0, 0]) for picture in images]))
        return list(images)

    def finish(self, pending: list[np.ndarray]) -> list[LocalFeatures]:
        self.events.append(("finish", [int(picture[0, 0, 0]) for picture in pending]))
        return [features_of(picture) for picture in pending]

    def run(self, images: Iterable[np.ndarray], batch_size: int) -> Iterator[LocalFeatures]:
        return in_batches(
            images, batch_size=batch_size, size_of=lambda p: p.shape[:2], start=self.start, finish=self.finish
        )


@pytest.mark.parametrize("batch_size", [1, 2, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_features_come_in_the_images_order(batch_size: int, count: int) -> None:
    sizes = np.random.default_rng(0).integers(1, 4, count)
    images = [image(row, int(size)) for row, size in enumerate(sizes)]
    found = [int(features.scores[0]) for features in Device().run(images, batch_size)]
    assert found == list(range(count))


def test_a_batch_holds_one_size_and_the_next_starts_before_it_is_finished() -> None:
    device = Device()
    list(device.run([image(0, 2), image(1, 3), image(2, 2), image(3, 2)], 2))
    assert device.events == [
        ("start", [0, 2]),
        ("start", [3]),
        ("finish", [0, 2]),
        ("start", [1]),
        ("finish", [3]),
        ("finish", [1]),
    ]


@pytest.mark.parametrize(("batch_size", "ahead"), [(1, 1), (2, 16)])
def test_reads_no_further_ahead_than_a_window(batch_size: int, ahead: int) -> None:
    read = []

    def stream() -> Iterator[np.ndarray]:
        for value in range(100):
            read.append(value)
            yield image(value, 2)

    next(Device().run(stream(), batch_size))
    assert len(read) == ahead


class Source:
    def read(self, image_id: str) -> np.ndarray:
        if image_id.startswith("bad"):
            raise ImageRefused(Refusal.EMPTY, "0 bytes")
        return image(int(image_id), 2)


class OneByOne:
    fingerprint = "one-by-one"

    def extract(self, picture: np.ndarray) -> LocalFeatures:
        return features_of(picture)


class Batched(OneByOne):
    def extract_many(self, images: Iterable[np.ndarray]) -> Iterator[LocalFeatures]:
        return Device().run(images, 2)


@pytest.mark.parametrize("extractor", [OneByOne(), Batched()])
@pytest.mark.parametrize("ids", [[], ["bad"], ["bad1", "5", "bad2", "6", "bad3"], [str(n) for n in range(40)]])
def test_every_id_comes_once_with_its_features_or_its_refusal(extractor: Extractor, ids: list[str]) -> None:
    assert isinstance(extractor, BatchExtractor) == isinstance(extractor, Batched)
    outcomes = list(extract_all(ids, Source(), extractor))
    assert sorted(image_id for image_id, _ in outcomes) == sorted(ids)
    readable = [image_id for image_id, outcome in outcomes if isinstance(outcome, LocalFeatures)]
    assert readable == [image_id for image_id in ids if not image_id.startswith("bad")]
    for image_id, outcome in outcomes:
        if isinstance(outcome, LocalFeatures):
            assert outcome.scores[0] == int(image_id)
        else:
            assert outcome.reason is Refusal.EMPTY

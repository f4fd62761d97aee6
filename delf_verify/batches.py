"""Many images through an extractor: in batches where it takes them, one by one where it does not."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from delf_verify.features import Extractor, LocalFeatures
from delf_verify.sources import PhotographSource
from tfrecords_builder.images import ImageRefused

# Images that are held in memory, for each of a batch, while those of one size are sought for it.
_WINDOW = 8

Image = NDArray[np.uint8]
Size = tuple[int, int]
Pending = TypeVar("Pending")


@runtime_checkable
class BatchExtractor(Extractor, Protocol):
    """An extractor that is quicker with many images at once; their features are those of `extract` on each."""

    def extract_many(self, images: Iterable[Image]) -> Iterator[LocalFeatures]:
        """The features of images [H, W, 3] uint8 RGB, in their order; reads somewhat ahead of what it yields."""
        ...


def extract_all(
    image_ids: Sequence[str], source: PhotographSource, extractor: Extractor
) -> Iterator[tuple[str, LocalFeatures | ImageRefused]]:
    """Reads photographs and extracts their features.

    Yields:
        Each id once, with its features or with why it was refused; those with features in the order given.
    """
    readable: deque[str] = deque()
    refused: deque[tuple[str, ImageRefused]] = deque()

    def images() -> Iterator[Image]:
        for image_id in image_ids:
            try:
                image = source.read(image_id)
            except ImageRefused as refusal:
                refused.append((image_id, refusal))
                continue
            readable.append(image_id)
            yield image

    many = (
        extractor.extract_many if isinstance(extractor, BatchExtractor) else lambda all_: map(extractor.extract, all_)
    )
    for features in many(images()):
        while refused:
            yield refused.popleft()
        yield readable.popleft(), features
    yield from refused


def in_batches(
    images: Iterable[Image],
    *,
    batch_size: int,
    size_of: Callable[[Image], Size],
    start: Callable[[Sequence[Image]], Pending],
    finish: Callable[[Pending], list[LocalFeatures]],
) -> Iterator[LocalFeatures]:
    """Batches of equal size out of a stream of images, with one batch at work while the one before is finished.

    Args:
        images: the stream.
        batch_size: images of a batch at most; a window of eight times as many is sorted by size.
        size_of: images of one size can share a batch.
        start: hands a batch to the device and does not wait for it.
        finish: waits for what `start` returned; the features of its images.

    Yields:
        The features of each image, in the order of `images`.
    """
    stream = iter(images)
    while window := list(islice(stream, batch_size * _WINDOW if batch_size > 1 else 1)):
        done: dict[int, LocalFeatures] = {}
        pending: tuple[list[int], Pending] | None = None
        for rows in _batches([size_of(image) for image in window], batch_size):
            following = rows, start([window[row] for row in rows])
            if pending is not None:
                done.update(zip(pending[0], finish(pending[1]), strict=True))
            pending = following
        if pending is not None:
            done.update(zip(pending[0], finish(pending[1]), strict=True))
        yield from (done[row] for row in range(len(window)))


def _batches(sizes: Sequence[Size], batch_size: int) -> Iterator[list[int]]:
    """Rows of equal size, at most `batch_size` at a time; sizes in the order of their first row."""
    rows_of: dict[Size, list[int]] = {}
    for row, size in enumerate(sizes):
        rows_of.setdefault(size, []).append(row)
    for rows in rows_of.values():
        yield from (rows[start : start + batch_size] for start in range(0, len(rows), batch_size))

"""Extracts the features of many photographs into a store: once an image, resumable, in parallel."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from delf_verify.config import SIFT
from delf_verify.extract import load_extractor
from delf_verify.feature_store import FeatureStore
from delf_verify.features import Extractor, LocalFeatures
from delf_verify.parallel import ordered_map
from delf_verify.sources import PhotographSource
from tfrecords_builder import terminal
from tfrecords_builder.images import ImageRefused

logger = logging.getLogger(__name__)


@dataclass
class _Extract:
    """The features of one photograph, or why it was refused."""

    source: PhotographSource
    extractor: Extractor

    def __call__(self, image_id: str) -> tuple[str, LocalFeatures | ImageRefused]:
        try:
            return image_id, self.extractor.extract(self.source.read(image_id))
        except ImageRefused as refused:
            return image_id, refused


@dataclass(frozen=True)
class _MakeSift:
    """Builds `_Extract` within a worker: an OpenCV extractor cannot be sent there."""

    source: PhotographSource

    def __call__(self) -> _Extract:
        return _Extract(self.source, load_extractor(SIFT))


def extract_missing(
    image_ids: Sequence[str],
    *,
    source: PhotographSource,
    store: FeatureStore,
    features: str,
    extractor: Extractor,
    workers: int,
    what: str,
) -> dict[str, ImageRefused]:
    """Adds the features of those images that the store lacks; returns the images refused, by id.

    Refused images are not stored: the next run tries them again, since they may have been mended.

    Args:
        image_ids: what is needed.
        source: where the photographs come from.
        store: where their features go.
        features: what `extractor` was loaded from.
        extractor: used by this process. Worker processes, for "sift" alone, load their own; a trained network stays
            here, because every process would load TensorFlow (800 MB, 7 s).
        workers: processes for "sift".
        what: names the images in the log.

    Raises:
        RuntimeError: a worker process died.
    """
    missing = sorted(store.missing(image_ids))
    refused: dict[str, ImageRefused] = {}
    total = len(set(image_ids))
    if not missing:
        logger.info("features of %s: all %d were extracted before", what, total)
        return refused
    alone = workers == 1 or features != SIFT
    make_work = (lambda: _Extract(source, extractor)) if alone else _MakeSift(source)
    with terminal.progress(f"features of {what}", total) as bar, store:
        bar.skip(total - len(missing))
        with ordered_map(make_work, missing, workers=1 if alone else workers) as results:
            for image_id, outcome in results:
                if isinstance(outcome, ImageRefused):
                    refused[image_id] = outcome
                else:
                    store.add(image_id, outcome)
                bar.advance(refused=int(isinstance(outcome, ImageRefused)))
    return refused

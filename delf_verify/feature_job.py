"""Extracts the features of many photographs into a store: once an image, resumable, in parallel."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from delf_verify.batches import extract_all
from delf_verify.config import SIFT
from delf_verify.extract import load_extractor
from delf_verify.feature_store import FeatureStore
from delf_verify.features import Extractor, LocalFeatures
from delf_verify.parallel import ordered_map
from delf_verify.sources import PhotographSource
from tfrecords_builder import terminal
from tfrecords_builder.images import ImageRefused

logger = logging.getLogger(__name__)


Outcome = tuple[str, LocalFeatures | ImageRefused]


@dataclass
class _Extract:
    """The features of one photograph, or why it was refused."""

    source: PhotographSource
    extractor: Extractor

    def __call__(self, image_id: str) -> Outcome:
        return next(extract_all([image_id], self.source, self.extractor))


@dataclass(frozen=True)
class _MakeExtract:
    """Builds `_Extract` within a worker: an OpenCV extractor cannot be sent there."""

    source: PhotographSource
    features: str

    def __call__(self) -> _Extract:
        return _Extract(self.source, load_extractor(self.features))


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
        extractor: used by this process. Worker processes, for RootSIFT alone, load their own; a trained network stays
            here, because every process would load TensorFlow (800 MB, 7 s), whose threads use all cores anyway.
        workers: processes for RootSIFT.
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
    with terminal.progress(f"features of {what}", total) as bar, store:
        bar.skip(total - len(missing))
        with _outcomes(missing, source, features, extractor, workers) as outcomes:
            for image_id, outcome in outcomes:
                if isinstance(outcome, ImageRefused):
                    refused[image_id] = outcome
                else:
                    store.add(image_id, outcome)
                bar.advance(refused=int(isinstance(outcome, ImageRefused)))
    return refused


@contextmanager
def _outcomes(
    image_ids: Sequence[str], source: PhotographSource, features: str, extractor: Extractor, workers: int
) -> Iterator[Iterator[Outcome]]:
    if workers == 1 or features.partition(":")[0] != SIFT:
        yield extract_all(image_ids, source, extractor)
        return
    with ordered_map(_MakeExtract(source, features), image_ids, workers=workers) as outcomes:
        yield outcomes

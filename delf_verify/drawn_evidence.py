"""Draws the evidence of a finished verification: a query beside its best index image, the inliers joined by lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delf_verify.config import VerifyConfig
from delf_verify.decision import Thresholds
from delf_verify.evidence import QueryEvidence, match_image
from delf_verify.feature_store import FeatureStore
from delf_verify.geometry import GeometryConfig
from delf_verify.matching import AggregatedIndex, MatchingConfig
from delf_verify.plots import draw_matches
from delf_verify.sources import PhotographSource, open_photographs
from tfrecords_builder.images import ImageRefused, encode_jpeg

# Raised whenever the same pair would be drawn otherwise: pages of an older drawing are made again.
DRAWING_VERSION = 1
# A card of a laptop's width: 50 to 120 KB. What is above the limit (noise, foliage) loses quality until it fits, so
# that a page's size depends on the number of its cards alone.
_HEIGHT = 360
_QUALITIES = (80, 65, 50, 35, 20)
_MOST_BYTES = 180_000


@dataclass(frozen=True, kw_only=True)
class DrawTask:
    """What is to be drawn.

    Attributes:
        query_id: the query.
        image_id: the index image to show.
        image_ids: all index images that the query was compared with, in their order.
    """

    query_id: str
    image_id: str
    image_ids: tuple[str, ...]

    @classmethod
    def of(cls, query_id: str, evidence: QueryEvidence) -> "DrawTask":
        """The query beside its best index image."""
        image_ids = tuple(image.image_id for image in evidence.images)
        return cls(query_id=query_id, image_id=evidence.best_image_id, image_ids=image_ids)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A drawn pair, or why there is none.

    Attributes:
        jpeg: the picture; empty if a photograph could not be read.
        width: in pixels.
        height: in pixels.
        trouble: why there is no picture, else "".
    """

    jpeg: bytes
    width: int
    height: int
    trouble: str = ""


@dataclass(frozen=True)
class MakeDrawer:
    """Builds a `Drawer` within a worker process.

    Attributes:
        folder: of the verification.
        record: its verify.json.
    """

    folder: Path
    record: Mapping[str, Any]

    def __call__(self) -> "Drawer":
        """See the class.

        Raises:
            ValueError: the record lacks something.
        """
        record = self.record
        try:
            stores = [
                FeatureStore(self.folder / record[key], record["extractor"])
                for key in ("query_features", "index_features")
            ]
            sources = open_source(record["queries"]), open_source(record["index_images"])
        except KeyError as error:
            raise self._lacks(error) from error
        return Drawer(stores=(stores[0], stores[1]), sources=sources, config=self.config)

    @property
    def config(self) -> VerifyConfig:
        """The settings of the verification.

        Raises:
            ValueError: the record lacks something.
        """
        try:
            return config_of(self.record)
        except KeyError as error:
            raise self._lacks(error) from error

    def _lacks(self, error: KeyError) -> ValueError:
        return ValueError(f"verify.json of {self.folder} lacks {error}: run tfland verify again")


@dataclass(frozen=True, kw_only=True)
class Drawer:
    """Matches a pair again, exactly as it was verified, and draws it.

    Attributes:
        stores: features of the queries and of the index images.
        sources: their photographs; None where they are gone.
        config: matching and geometry.
    """

    stores: tuple[FeatureStore, FeatureStore]
    sources: tuple[PhotographSource | None, PhotographSource | None]
    config: VerifyConfig

    def __call__(self, task: DrawTask) -> Drawing:
        """The drawing of one pair."""
        queries, images = self.sources
        if queries is None or images is None:
            return Drawing(jpeg=b"", width=0, height=0, trouble="the photographs are no longer where they were")
        try:
            photographs = queries.read(task.query_id), images.read(task.image_id)
        except ImageRefused as refused:
            return Drawing(jpeg=b"", width=0, height=0, trouble=f"a photograph cannot be read any more ({refused})")
        query = self.stores[0].get(task.query_id)
        # With a ratio or mutual test images are matched one by one, and only the shown one is needed.
        alone = self.config.matching.ratio is not None or self.config.matching.mutual
        image_ids = (task.image_id,) if alone else task.image_ids
        index = AggregatedIndex(image_ids, [self.stores[1].get(image_id) for image_id in image_ids])
        match = match_image(query, index, task.image_id, self.config)
        shown = index.features[image_ids.index(task.image_id)]
        drawn = draw_matches(
            *photographs,
            query.locations_yx[match.putative.query_indices],
            shown.locations_yx[match.putative.index_indices],
            match.geometry.inlier_mask,
            height=_HEIGHT,
        )
        return Drawing(jpeg=small_jpeg(drawn), width=drawn.shape[1], height=drawn.shape[0])


def small_jpeg(image: NDArray[np.uint8], most_bytes: int = _MOST_BYTES) -> bytes:
    """The image [H, W, 3] uint8 as the best JPEG of a few qualities that is not larger than `most_bytes`.

    Where none is small enough the image is halved.
    """
    for quality in _QUALITIES:
        jpeg = encode_jpeg(image, quality)
        if len(jpeg) <= most_bytes:
            return jpeg
    return small_jpeg(image[::2, ::2].copy(), most_bytes)


def open_source(name: str) -> PhotographSource | None:
    """The photographs, or None where they are gone: a report can be made without them."""
    try:
        return open_photographs(name)
    except FileNotFoundError:
        return None


def config_of(record: Mapping[str, Any]) -> VerifyConfig:
    """The settings that verify.json keeps.

    Raises:
        KeyError: a part is missing.
        ValueError: a value is bad.
    """
    settings = record["settings"]
    return VerifyConfig(
        matching=MatchingConfig(**settings["matching"]),
        geometry=GeometryConfig(**settings["geometry"]),
        thresholds=Thresholds(**settings["thresholds"]),
        max_index_images=settings["max_index_images"],
    )

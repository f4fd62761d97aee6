"""One query against the index images of one landmark: how many inliers each of them has."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from delf_verify.config import VerifyConfig
from delf_verify.features import LocalFeatures
from delf_verify.geometry import GeometryResult, estimate_geometry, in_original_pixels
from delf_verify.matching import AggregatedIndex, PutativeMatches
from delf_verify.spread import inlier_spread


@dataclass(frozen=True)
class ImageEvidence:
    """What one index image says.

    Attributes:
        image_id: the index image.
        num_putative: features that look alike.
        num_inliers: those of them that agree on one map.
        spread: share of the images that the inliers cover, in [0, 1]; see `delf_verify.spread`.
    """

    image_id: str
    num_putative: int
    num_inliers: int
    spread: float

    @property
    def inlier_ratio(self) -> float:
        """The share of the putative matches that are inliers; 0 without matches."""
        return self.num_inliers / self.num_putative if self.num_putative else 0.0


@dataclass(frozen=True)
class QuerySummary:
    """What all index images of a landmark say, without the images: 100,000 of them fit in memory.

    Attributes:
        num_images: compared index images.
        max_inliers: the largest number of inliers; NaN where nothing was compared.
        mean_inliers: their mean over the compared images (seed 003); NaN likewise.
        best_image_id: the image of max_inliers (of equals the one with more matches, then the first id); "" where
            nothing was compared.
        inlier_ratio: of the best image; NaN where nothing was compared.
        spread: of the best image; NaN likewise.
    """

    num_images: int
    max_inliers: float
    mean_inliers: float
    best_image_id: str
    inlier_ratio: float
    spread: float


@dataclass(frozen=True)
class QueryEvidence(QuerySummary):
    """What all index images of a landmark say, image by image.

    Attributes:
        images: one a compared index image, in the order in which they were compared.
    """

    images: tuple[ImageEvidence, ...]

    @classmethod
    def of(cls, images: tuple[ImageEvidence, ...]) -> "QueryEvidence":
        """Sums the images up."""
        if not images:
            return cls(0, np.nan, np.nan, "", np.nan, np.nan, images)
        inliers = [image.num_inliers for image in images]
        best = min(images, key=lambda image: (-image.num_inliers, -image.num_putative, image.image_id))
        mean = sum(inliers) / len(inliers)
        return cls(len(images), float(max(inliers)), mean, best.image_id, best.inlier_ratio, best.spread, images)


@dataclass(frozen=True, eq=False)
class PairMatch:
    """The matches of a query with one index image.

    Attributes:
        putative: features that look alike.
        geometry: which of them agree on one map.
        spread: share of the images that these cover; see `delf_verify.spread`.
    """

    putative: PutativeMatches
    geometry: GeometryResult
    spread: float


def verify_query(query: LocalFeatures, index: AggregatedIndex, config: VerifyConfig) -> QueryEvidence:
    """Compares a query with every index image of its predicted landmark (seed 003, section 2.3).

    Args:
        query: the query's features.
        index: the features of the landmark's index images.
        config: matching and geometry.
    """
    return QueryEvidence.of(tuple(each_image(query, index, config)))


def each_image(query: LocalFeatures, index: AggregatedIndex, config: VerifyConfig) -> Iterator[ImageEvidence]:
    """What each index image says, in the index's order, each of them compared when it is asked for.

    Args:
        query: the query's features.
        index: the features of the landmark's index images.
        config: matching and geometry.
    """
    matched = index.iterate_matches(query, config.matching)
    for image_id, features, putative in zip(index.image_ids, index.features, matched, strict=True):
        pair = _agree(query, features, putative, config)
        # Rounded as the files keep it, so that a reader of them comes to the same verdicts.
        yield ImageEvidence(image_id, len(putative), pair.geometry.num_inliers, round(pair.spread, 6))


def match_images(query: LocalFeatures, index: AggregatedIndex, config: VerifyConfig) -> list[PairMatch]:
    """The matches of a query with every index image, in the index's order.

    Args:
        query: the query's features.
        index: the features of the landmark's index images.
        config: matching and geometry.
    """
    matched = index.match(query, config.matching)
    return [
        _agree(query, features, putative, config) for putative, features in zip(matched, index.features, strict=True)
    ]


def match_image(query: LocalFeatures, index: AggregatedIndex, image_id: str, config: VerifyConfig) -> PairMatch:
    """The matches of a query with one of the index images, as `match_images` finds them.

    Args:
        query: the query's features.
        index: the features of all index images that were compared: the neighbours are shared among them.
        image_id: which image.
        config: matching and geometry.
    """
    place = index.image_ids.index(image_id)
    return _agree(query, index.features[place], index.match(query, config.matching)[place], config)


def _agree(query: LocalFeatures, features: LocalFeatures, putative: PutativeMatches, config: VerifyConfig) -> PairMatch:
    # In pixels that the extractor saw: a photograph that it reduced is as precise as those, and as large.
    query_yx = query.locations_yx[putative.query_indices] / query.pixel_size
    index_yx = features.locations_yx[putative.index_indices] / features.pixel_size
    scale_ratios = features.scales[putative.index_indices] / query.scales[putative.query_indices]
    scale_ratios = scale_ratios * (query.pixel_size / features.pixel_size)
    found = estimate_geometry(query_yx, index_yx, config.geometry, scale_ratios)
    geometry = in_original_pixels(found, config.geometry, query.pixel_size, features.pixel_size)
    return PairMatch(putative, geometry, inlier_spread(query, features, putative, geometry.inlier_mask))

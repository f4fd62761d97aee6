"""Putative matches of local features: between two images, and of a query with all images of a landmark."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from delf_verify.features import LocalFeatures
from delf_verify.neighbors import ENGINES, DescriptorIndex, Floats, Integers
from delf_verify.pair_neighbors import nearest_pairs


@dataclass(frozen=True, kw_only=True)
class MatchingConfig:
    """What makes a query descriptor and an index descriptor a putative match.

    Attributes:
        engine: "exact", "kdtree" or "keras" (on a GPU where Keras sees one); the neighbours are the same, ties aside.
        num_neighbors: K, neighbours of a query descriptor in an aggregated index (10 in seed 003).
        max_distance: largest Euclidean distance of a match; None sets no limit. 0.8 suits unit descriptors
            of 40 numbers (DELF's own limit).
        ratio: Lowe's test inside one image: the nearest must be closer than `ratio` times the second nearest
            (where there is a second). None leaves it out.
        mutual: keep a match only if the query feature is also the nearest one of its partner.

    Raises:
        ValueError: a value is out of range.
    """

    engine: Literal["exact", "kdtree", "keras"] = "exact"
    num_neighbors: int = 10
    max_distance: float | None = 0.8
    ratio: float | None = None
    mutual: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(f"matching.engine must be one of {sorted(ENGINES)}, got {self.engine!r}")
        if self.num_neighbors < 1:
            raise ValueError(f"matching.num_neighbors must be at least 1, got {self.num_neighbors}")
        if self.max_distance is not None and not 0 < self.max_distance < np.inf:
            raise ValueError(
                f"matching.max_distance must be a positive number or null (no limit), got {self.max_distance}"
            )
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise ValueError(f"matching.ratio must lie in (0, 1] or be null (no test), got {self.ratio}")


@dataclass(frozen=True, eq=False)
class PutativeMatches:
    """Pairs of features that look alike, ordered by query feature; none occurs twice on the query's side.

    Attributes:
        query_indices: [M] int64, rows of the query's features.
        index_indices: [M] int64, rows of the index image's features.
        distances: [M] float32, Euclidean distances of their descriptors.
    """

    query_indices: Integers
    index_indices: Integers
    distances: Floats

    def __len__(self) -> int:
        return len(self.query_indices)


def match_pair(query: LocalFeatures, index: LocalFeatures, config: MatchingConfig) -> PutativeMatches:
    """The putative matches of two images: each query feature with its nearest one, if the tests let it pass.

    Args:
        query: features of the query.
        index: features of the index image.
        config: distance limit, ratio and mutual test; `num_neighbors` plays no part.
    """
    return _match_one(query.descriptors, DescriptorIndex(index.descriptors), config)


def _match_one(queries: Floats, index: DescriptorIndex, config: MatchingConfig) -> PutativeMatches:
    found = nearest_pairs(
        queries,
        index,
        max_distance=config.max_distance,
        ratio=config.ratio,
        mutual=config.mutual,
        engine=config.engine,
    )
    return PutativeMatches(found.query_rows, found.rows, found.distances)


class AggregatedIndex:
    """All index images of one landmark in one index (seed 003, section 2.3; Noh et al. 2017, section 5.1).

    Args:
        image_ids: names of the images, each once.
        features_list: their features, in the same order.

    Attributes:
        image_ids: as given.
        features: as given.

    Raises:
        ValueError: the lengths differ, an id is repeated, or descriptors of different lengths are mixed.
    """

    def __init__(self, image_ids: Sequence[str], features_list: Sequence[LocalFeatures]) -> None:
        self.image_ids = tuple(image_ids)
        self.features = tuple(features_list)
        if len(self.image_ids) != len(self.features):
            raise ValueError(f"{len(self.image_ids)} image ids but features of {len(self.features)} images")
        if len(set(self.image_ids)) != len(self.image_ids):
            repeated = next(name for name in self.image_ids if self.image_ids.count(name) > 1)
            raise ValueError(f"image id {repeated!r} is repeated; an index holds every image once")
        dimensions = {features.descriptors.shape[1] for features in self.features}
        if len(dimensions) > 1:
            raise ValueError(f"descriptors of different lengths {sorted(dimensions)}; use one extractor for all")
        self._starts = np.cumsum([0, *(len(features) for features in self.features)])

    def __len__(self) -> int:
        return len(self.image_ids)

    @cached_property
    def _each(self) -> list[DescriptorIndex]:
        return [DescriptorIndex(features.descriptors) for features in self.features]

    @cached_property
    def _all(self) -> DescriptorIndex:
        return DescriptorIndex(np.concatenate([features.descriptors for features in self.features]))

    def neighbors(self, query_descriptors: Floats, config: MatchingConfig) -> tuple[Floats, Integers]:
        """The K nearest index descriptors of each query descriptor among all images.

        Args:
            query_descriptors: [N, D] float32.
            config: engine, K = `num_neighbors` and distance limit.

        Returns:
            distances [N, K] float32 and rows [N, K] int64 of the concatenated descriptors, nearest first;
            inf and -1 where there is none within the limit.
        """
        if not self.features:
            shape = (len(query_descriptors), config.num_neighbors)
            return np.full(shape, np.inf, np.float32), np.full(shape, -1)
        return self._all.neighbors(query_descriptors, config.num_neighbors, config.max_distance, config.engine)

    def iterate_matches(self, query: LocalFeatures, config: MatchingConfig) -> Iterator[PutativeMatches]:
        """What `match` gives, one image after the other: images that are matched one by one wait to be asked for."""
        if config.ratio is not None or config.mutual:
            return (_match_one(query.descriptors, image, config) for image in self._each)
        return iter(self.match(query, config))

    def match(self, query: LocalFeatures, config: MatchingConfig) -> list[PutativeMatches]:
        """The putative matches of a query with every image, in the order of `image_ids`.

        Each query feature takes its K nearest neighbours among all images; they are grouped by image, and per
        image a query feature keeps only its nearest, since it can show one place of it. The ratio and the mutual
        test compare features within one image: with either of them the images are matched one by one, as by
        `match_pair`, and K plays no part.

        Args:
            query: features of the query.
            config: how to match.
        """
        if config.ratio is not None or config.mutual:
            return [_match_one(query.descriptors, image, config) for image in self._each]
        distances, rows = self.neighbors(query.descriptors, config)
        query_rows, ranks = np.nonzero(rows >= 0)
        rows, distances = rows[query_rows, ranks], distances[query_rows, ranks]
        images = np.searchsorted(self._starts, rows, side="right") - 1
        # Stable: within (image, query feature) the nearest stays first.
        order = np.lexsort((query_rows, images))
        images, query_rows, rows, distances = images[order], query_rows[order], rows[order], distances[order]
        nearest = np.ones(len(rows), dtype=bool)
        nearest[1:] = (images[1:] != images[:-1]) | (query_rows[1:] != query_rows[:-1])
        images, query_rows = images[nearest], query_rows[nearest]
        rows, distances = rows[nearest], distances[nearest]
        bounds = np.searchsorted(images, np.arange(len(self) + 1))
        return [
            PutativeMatches(query_rows[a:b], rows[a:b] - start, distances[a:b])
            for a, b, start in zip(bounds[:-1], bounds[1:], self._starts[:-1], strict=True)
        ]

"""How many matches of a pair agree on one map: robust estimation by several models and engines."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from delf_verify.affine import Limits, Maps, Points
from delf_verify.inliers import count_once, is_spread
from delf_verify.library_ransac import LIBRARIES, library_ransac
from delf_verify.maps import MODELS, ModelName, Search
from delf_verify.ransac import ransac, refine, squared_residuals
from delf_verify.scale_maps import fit_scaled

Sampler = Callable[[Points, Points, Search], Maps | None]

# The engine that needs the features' sizes and draws no samples.
_SCALES = "scales"
_MIN_INLIERS = 3
# A fundamental matrix whose inliers one homography explains to this share is that of a plane.
_PLANAR_SHARE = 0.8


@dataclass(frozen=True, kw_only=True)
class GeometryConfig:
    """How the map of a pair is estimated and when it is refused.

    Pixels are those that the extractor saw: a photograph larger than its max_side was reduced first, and its features
    are as precise as the reduced one's (`LocalFeatures.pixel_size`).

    Attributes:
        model: "similarity" (turn, scale, shift), "affine", "homography" (views of a plane) or "fundamental" (any
            rigid scene; chance agrees with it most easily).
        engine: "batched" (NumPy; every sample is checked against the limits below; the best AUC of those that sample),
            "opencv" (its RANSAC in C++), "usac" (OpenCV's USAC with MAGSAC++; no similarity), "skimage"
            (`measure.ransac`, the reference of DELF's image_reranking.py, hundreds of times slower) or "scales"
            (affine maps from single matches and the sizes of their features, see `scale_maps`: no samples).
        residual_px: a match is an inlier if the map brings it this close to its partner (20 in DELF and in seed 003),
            in pixels of the index image, and where a similarity or an affine map shrinks the query, of the query; for a
            fundamental matrix the Sampson distance.
        trials: most samples of matches that are tried (1000 there).
        confidence: no more samples are drawn once the best map is found with this probability, in (0, 1).
        seed: reaches every random choice; the same matches and seed give the same inliers.
        max_scale: a map that enlarges or shrinks lengths by more than this (geometric mean of its two singular
            values) is refused. A homography is judged by its affine part at each match, and a fundamental matrix
            only where all of its matches lie on one plane.
        max_stretch: a map whose two singular values differ by more than this factor is refused. A plane turned by
            70 degrees is squeezed by 3.
        scale_tolerance: "scales" only: an inlier's two features differ in size as the map says, within a factor of
            exp(scale_tolerance).
        min_spread_px: inliers that lie on one line, their standard deviation across it below this in either
            image, are refused: a line fits too many things.

    Raises:
        ValueError: a value is out of range, or the engine does not estimate the model.
    """

    model: ModelName = "affine"
    engine: Literal["batched", "opencv", "usac", "skimage", "scales"] = "batched"
    residual_px: float = 20.0
    trials: int = 1000
    confidence: float = 0.999
    seed: int = 0
    max_scale: float = 3.0
    max_stretch: float = 3.0
    scale_tolerance: float = 0.5
    min_spread_px: float = 2.0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"geometry.model must be one of {sorted(MODELS)}, got {self.model!r}")
        if self.engine not in ENGINES:
            raise ValueError(f"geometry.engine must be one of {sorted(ENGINES)}, got {self.engine!r}")
        if self.model not in ENGINES[self.engine]:
            able = sorted(engine for engine, models in ENGINES.items() if self.model in models)
            raise ValueError(
                f"geometry.engine {self.engine!r} estimates no {self.model!r} model; take one of {able} for it"
            )
        if not 0 < self.residual_px < np.inf:
            raise ValueError(f"geometry.residual_px must be a positive number of pixels, got {self.residual_px}")
        if self.trials < 1:
            raise ValueError(f"geometry.trials must be at least 1, got {self.trials}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"geometry.confidence must lie between 0 and 1, got {self.confidence}")
        if self.seed < 0:
            raise ValueError(f"geometry.seed must be >= 0, got {self.seed}")
        for name in ("max_scale", "max_stretch"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"geometry.{name} is a factor of at least 1, got {getattr(self, name)}")
        if not 0 < self.scale_tolerance < np.inf:
            raise ValueError(f"geometry.scale_tolerance must be a positive number, got {self.scale_tolerance}")
        if not self.min_spread_px >= 0:
            raise ValueError(f"geometry.min_spread_px must be >= 0 pixels, got {self.min_spread_px}")

    @property
    def search(self) -> Search:
        """What an engine needs of it."""
        limits = Limits(self.max_scale, self.max_stretch)
        return Search(self.residual_px, self.trials, self.confidence, self.seed, limits)


@dataclass(frozen=True, eq=False)
class GeometryResult:
    """What the robust estimation found.

    Attributes:
        num_inliers: matches that agree with the map, every location of either image counted once.
        inlier_mask: [M] bool, the matches that were counted; its sum is num_inliers.
        matrix: [2, 3] float64 (similarity, affine) or [3, 3] (homography) that maps (y, x, 1) of the query to (y, x)
            of the index image, or [3, 3] with (y', x', 1) F (y, x, 1) = 0 (fundamental); None where no map was found
            or it was refused (then there are no inliers).
        planar: fundamental only: one homography explains the inliers, so they fix no camera motion. Views of a
            facade are of that kind and count all the same, if the homography is plausible.
    """

    num_inliers: int
    inlier_mask: NDArray[np.bool_]
    matrix: NDArray[np.float64] | None
    planar: bool = False


def in_original_pixels(
    result: GeometryResult, config: GeometryConfig, query_pixel: float, index_pixel: float
) -> GeometryResult:
    """The same result with its matrix between the original images.

    Args:
        result: found between locations that were divided by the two numbers.
        config: by which it was found.
        query_pixel: pixels of the original query for one of the result's.
        index_pixel: of the index image likewise.
    """
    if result.matrix is None:
        return result
    query, index = (np.diag([1 / size, 1 / size, 1.0]) for size in (query_pixel, index_pixel))
    if config.model == "fundamental":
        return replace(result, matrix=index @ result.matrix @ query)
    back = np.linalg.inv(index)
    return replace(result, matrix=back[: len(result.matrix), : len(result.matrix)] @ result.matrix @ query)


def estimate_geometry(
    query_yx: NDArray[np.floating],
    index_yx: NDArray[np.floating],
    config: GeometryConfig,
    scale_ratios: NDArray[np.floating] | None = None,
) -> GeometryResult:
    """The map that most matches of a pair agree on, and the matches that do.

    RANSAC (Fischler and Bolles 1981) as in Noh et al. 2017, section 5.1, and seed 003. Beyond them, degenerate
    maps are refused (see `GeometryConfig`) and a location counts once: features of one place with several
    orientations, or one feature matched by many, must not add up.

    Args:
        query_yx: [M, 2] float, locations (y, x) of the matched query features in pixels.
        index_yx: [M, 2] float, those of their partners in the index image.
        config: model, engine and limits.
        scale_ratios: [M] float, size of the index feature / size of the query feature; the engine "scales" needs
            them, the others take no notice.

    Raises:
        ValueError: the shapes differ, a location is not finite, or a scale ratio is missing or not positive.
    """
    query, index = _checked(query_yx, index_yx)
    model = MODELS[config.model]
    nothing = GeometryResult(0, np.zeros(len(query), dtype=bool), None)
    ratios = _checked_ratios(scale_ratios, len(query)) if config.engine == _SCALES else None
    if len(query) < model.min_matches:
        return nothing
    found = ENGINES[config.engine][config.model](query, index, ratios, config)
    if found is None:
        return nothing
    matrix, squares = found
    mask = count_once(query, index, squares, config.residual_px)
    inliers, partners = query[mask], index[mask]
    if len(inliers) < max(model.min_matches, _MIN_INLIERS):
        return nothing
    if not (is_spread(inliers, config.min_spread_px) and is_spread(partners, config.min_spread_px)):
        return nothing
    planar = False
    if config.model == "fundamental":
        planar, plausible = _judge_plane(inliers, partners, config.search)
        if not plausible:
            return nothing
    return GeometryResult(len(inliers), mask, matrix, planar)


def _checked(query_yx: NDArray[np.floating], index_yx: NDArray[np.floating]) -> tuple[Points, Points]:
    query = np.ascontiguousarray(query_yx, dtype=np.float64)
    index = np.ascontiguousarray(index_yx, dtype=np.float64)
    if query.ndim != 2 or query.shape[1:] != (2,) or query.shape != index.shape:
        raise ValueError(f"query_yx and index_yx must both be [M, 2], got {list(query.shape)} and {list(index.shape)}")
    if not (np.isfinite(query).all() and np.isfinite(index).all()):
        raise ValueError("a matched location is not finite (NaN or infinity); check the extractor")
    return query, index


def _checked_ratios(scale_ratios: NDArray[np.floating] | None, count: int) -> Points:
    if scale_ratios is None:
        raise ValueError(
            f"geometry.engine {_SCALES!r} compares the sizes of matched features: pass scale_ratios, or take 'batched'"
        )
    ratios = np.asarray(scale_ratios, dtype=np.float64)
    if ratios.shape != (count,):
        raise ValueError(f"scale_ratios must be [{count}], one for each match, got {list(ratios.shape)}")
    if not (np.isfinite(ratios) & (ratios > 0)).all():
        raise ValueError("a scale ratio is not a positive number; check the extractor's scales")
    return ratios


def _judge_plane(query: Points, index: Points, search: Search) -> tuple[bool, bool]:
    """Whether one homography explains the inliers of a fundamental matrix, and if so whether it is plausible.

    Matches of a plane agree with a whole family of fundamental matrices, whatever homography they follow: so do those
    of a mirrored or a blown-up image. A scene in relief follows no homography and is judged by its count.
    """
    homography, anything = MODELS["homography"], search._replace(limits=Limits(np.inf, np.inf))
    for mirror in (1.0, -1.0):
        partners = index * [1.0, mirror]
        fit = ransac(homography, query, partners, anything)
        if fit is None:
            continue
        fit = refine(homography, fit, query, partners, anything)
        agree = squared_residuals(homography, fit, query, partners, anything.limits) <= search.residual_px**2
        if agree.mean() >= _PLANAR_SHARE:
            plausible = homography.plausible_at(fit, query[agree], search.limits)
            return True, mirror > 0 and bool(plausible.mean() > 0.5)
    return False, True


def _sampled(
    name: str, sample: Sampler, query: Points, index: Points, ratios: None, config: GeometryConfig
) -> tuple[Maps, Points] | None:
    """The map that a RANSAC finds, refined, and the squared residuals [M]."""
    model, search = MODELS[name], config.search
    matrix = sample(query, index, search)
    if matrix is None:
        return None
    matrix = refine(model, matrix, query, index, search)
    return matrix, squared_residuals(model, matrix, query, index, search.limits)


def _from_scales(query: Points, index: Points, ratios: Points, config: GeometryConfig) -> tuple[Maps, Points] | None:
    """The map that `fit_scaled` finds, and the squared residuals [M], inf where the scale does not agree."""
    fit = fit_scaled(
        query,
        index,
        ratios,
        residual_px=config.residual_px,
        scale_tolerance=config.scale_tolerance,
        max_scale=config.max_scale,
        max_stretch=config.max_stretch,
    )
    if fit is None:
        return None
    squares = squared_residuals(MODELS["affine"], fit.matrix, query, index, config.search.limits)
    return fit.matrix, np.where(fit.agreeing, squares, np.inf)


# Which engine estimates which model.
ENGINES: dict[str, dict[str, Callable[..., tuple[Maps, Points] | None]]] = {
    "batched": {name: partial(_sampled, name, partial(ransac, model)) for name, model in MODELS.items()},
    **{
        engine: {name: partial(_sampled, name, partial(library_ransac, MODELS[name], calls)) for name, calls in models}
        for engine, models in ((engine, models.items()) for engine, models in LIBRARIES.items())
    },
    _SCALES: {"affine": _from_scales},
}

"""RANSAC by OpenCV and by scikit-image, behind the signature of our own: what `geometry.ENGINES` lists."""

import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from delf_verify.affine import Maps, Points
from delf_verify.homography import oriented
from delf_verify.maps import MODELS, Model, Search

# A library judges no map while it samples. Where its best one is not plausible, its matches are set aside and the
# rest is searched, so often.
_ATTEMPTS = 5

# OpenCV's seven-point algorithm returns three matrices at once; its RANSAC starts at eight matches.
_FUNDAMENTAL_MATCHES = 8

Call = Callable[[Points, Points, Search], Maps | None]


def library_ransac(model: Model, calls: tuple[Call, ...], query: Points, index: Points, search: Search) -> Maps | None:
    """The first plausible map of a library.

    Args:
        model: the kind of map.
        calls: what to ask, in turn, before matches are set aside.
        query: [M, 2] float64.
        index: [M, 2] float64.
        search: the limits, and how many samples are drawn at most.
    """
    # OpenCV's RANSAC has a random state of its own that cv2.setRNGSeed does not reach (tried with 5.0), so the seed
    # acts through the order of the matches as well; no global state is touched, threads are safe.
    left = np.random.default_rng(search.seed).permutation(len(query))
    for _ in range(_ATTEMPTS):
        if len(left) < model.min_matches:
            break
        for call in calls:
            matrix = call(query[left], index[left], search)
            if matrix is None:
                return None
            agree = model.squared_residuals(matrix[None], query[left], index[left])[0] <= search.residual_px**2
            if 2 * np.count_nonzero(agree & model.plausible_at(matrix, query[left], search.limits)) > agree.sum():
                return matrix
        if not agree.any():
            break
        left = left[~agree]
    return None


def _opencv(estimate: Callable[..., tuple[Maps | None, Any]]) -> Call:
    """OpenCV's RANSAC by one of its two functions for [2, 3] matrices."""

    def call(query: Points, index: Points, search: Search) -> Maps | None:
        matrix, _ = estimate(
            query,
            index,
            method=cv2.RANSAC,
            ransacReprojThreshold=search.residual_px,
            maxIters=search.trials,
            confidence=search.confidence,
        )
        return _found(matrix)

    return call


_opencv_affine = _opencv(cv2.estimateAffine2D)
_opencv_similarity = _opencv(cv2.estimateAffinePartial2D)


def _opencv_homography(query: Points, index: Points, search: Search) -> Maps | None:
    matrix, _ = cv2.findHomography(
        query, index, cv2.RANSAC, search.residual_px, maxIters=search.trials, confidence=search.confidence
    )
    found = _found(matrix)
    return None if found is None else oriented(found, query)


def _opencv_fundamental(query: Points, index: Points, search: Search) -> Maps | None:
    if len(query) < _FUNDAMENTAL_MATCHES:
        return None
    return _found(
        cv2.findFundamentalMat(query, index, cv2.FM_RANSAC, search.residual_px, search.confidence, search.trials)[0]
    )


def _magsac(search: Search) -> cv2.UsacParams:
    """MAGSAC++ (Barath et al. 2020) as `cv2.USAC_MAGSAC` sets it up, with our limits and a seed, on one thread."""
    parameters = cv2.UsacParams()
    parameters.threshold = search.residual_px
    parameters.maxIterations = search.trials
    parameters.confidence = search.confidence
    parameters.randomGeneratorState = search.seed
    parameters.isParallel = False
    parameters.sampler = cv2.SAMPLING_UNIFORM
    parameters.score = cv2.SCORE_METHOD_MAGSAC
    parameters.loMethod = cv2.LOCAL_OPTIM_SIGMA
    parameters.final_polisher = cv2.MAGSAC
    return parameters


def _usac_affine(query: Points, index: Points, search: Search) -> Maps | None:
    return _found(cv2.estimateAffine2D(query, index, _magsac(search))[0])


def _usac_homography(query: Points, index: Points, search: Search) -> Maps | None:
    found = _found(cv2.findHomography(query, index, _magsac(search))[0])
    return None if found is None else oriented(found, query)


def _usac_fundamental(query: Points, index: Points, search: Search) -> Maps | None:
    if len(query) < _FUNDAMENTAL_MATCHES:
        return None
    return _found(cv2.findFundamentalMat(query, index, _magsac(search))[0])


def _found(matrix: Maps | None) -> Maps | None:
    if matrix is None or not np.isfinite(matrix).all():
        return None
    return np.asarray(matrix, dtype=np.float64)


def _skimage(name: str, transform_name: str, size: int) -> Call:
    """`measure.ransac` with one of scikit-image's transforms, every sample checked against the limits."""
    model = MODELS[name]

    def as_ours(found: Any, points: Points) -> Maps | None:
        matrix = _found(found.params)
        if matrix is None or name == "fundamental":
            return matrix
        return oriented(matrix, points) if name == "homography" else matrix[:2]

    def call(query: Points, index: Points, search: Search) -> Maps | None:
        # Imported here: it costs half a second and only the reference needs it.
        from skimage import measure, transform

        def is_model_valid(found: Any, points: Points, _: Points) -> bool:
            matrix = as_ours(found, points)
            return matrix is not None and bool(model.plausible_at(matrix, points, search.limits).all())

        with warnings.catch_warnings():
            # "No inliers found. Model not fitted": a normal outcome, told by the result.
            warnings.simplefilter("ignore", UserWarning)
            found, inliers = measure.ransac(
                (query, index),
                getattr(transform, transform_name),
                min_samples=size,
                residual_threshold=search.residual_px,
                is_model_valid=is_model_valid,
                max_trials=search.trials,
                stop_probability=search.confidence,
                rng=search.seed,
            )
        if inliers is None or not inliers.any() or not found:
            return None
        return as_ours(found, query)

    return call


# What is asked for each model, in turn. A similarity is never mirrored nor stretched and `refine` makes it affine:
# where the best affine map is not plausible, it is asked for, which on real pairs tells places apart better than affine
# maps alone.
LIBRARIES: dict[str, dict[str, tuple[Call, ...]]] = {
    "opencv": {
        "similarity": (_opencv_similarity,),
        "affine": (_opencv_affine, _opencv_similarity),
        "homography": (_opencv_homography,),
        "fundamental": (_opencv_fundamental,),
    },
    "usac": {
        "affine": (_usac_affine, _opencv_similarity),
        "homography": (_usac_homography,),
        "fundamental": (_usac_fundamental,),
    },
    "skimage": {
        "similarity": (_skimage("similarity", "SimilarityTransform", 2),),
        "affine": (_skimage("affine", "AffineTransform", 3),),
        "homography": (_skimage("homography", "ProjectiveTransform", 4),),
        "fundamental": (_skimage("fundamental", "FundamentalMatrixTransform", 8),),
    },
}

"""Pairs of photographs: one of them, or a list from a CSV, in parallel and with features extracted once an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.config import VerifyConfig
from delf_verify.evidence import PairMatch, match_images
from delf_verify.extract import load_extractor
from delf_verify.feature_job import extract_missing
from delf_verify.feature_store import FeatureStore
from delf_verify.features import Extractor, LocalFeatures
from delf_verify.matching import AggregatedIndex
from delf_verify.parallel import ordered_map
from tfrecords_builder import terminal
from tfrecords_builder.images import ImageRefused, Refusal, read_image


@dataclass(frozen=True, eq=False)
class MatchedPhotographs:
    """Two photographs, their features and what they have in common.

    Attributes:
        images: [H, W, 3] uint8 RGB each.
        features: theirs.
        match: which features agree.
    """

    images: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    features: tuple[LocalFeatures, LocalFeatures]
    match: PairMatch

    def matched_yx(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Locations [M, 2] (y, x) in pixels of the putative matches in either photograph."""
        first, second = self.features
        putative = self.match.putative
        return first.locations_yx[putative.query_indices], second.locations_yx[putative.index_indices]


def match_photographs(first: Path, second: Path, extractor: Extractor, config: VerifyConfig) -> MatchedPhotographs:
    """Matches two files.

    Raises:
        CheckFailed: one of them cannot be read as a photograph.
    """
    one, other = _read(first), _read(second)
    features = extractor.extract(one), extractor.extract(other)
    return MatchedPhotographs((one, other), features, match_features(*features, config))


def match_features(first: LocalFeatures, second: LocalFeatures, config: VerifyConfig) -> PairMatch:
    """The matches of two images, the second of which is an index of one image."""
    return match_images(first, AggregatedIndex(["second"], [second]), config)[0]


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return read_image(path)
    except ImageRefused as refused:
        raise terminal.CheckFailed(f"{path} cannot be read as a photograph: {refused}") from refused


def read_labelled_pairs(path: Path) -> pd.DataFrame:
    """The pairs of a CSV with the columns a, b (photographs, relative to one folder) and same (1 or 0).

    Returns:
        Columns a and b (text) and same (bool).

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, a path leads out of the folder, or `same` is neither 0 nor 1.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no CSV file at {path}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV file: {error}") from error
    if missing := [column for column in ("a", "b", "same") if column not in table.columns]:
        raise ValueError(f"{path} lacks the columns {missing}; it has {list(table.columns)}, expected a,b,same")
    for line, (first, second, same) in enumerate(zip(table["a"], table["b"], table["same"], strict=True), start=2):
        for name in (first, second):
            if not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"{path}, line {line}: {name!r} must be a path within the photographs' folder")
        if same not in ("0", "1"):
            raise ValueError(f"{path}, line {line}: same is {same!r}, expected 1 or 0")
    return table[["a", "b"]].assign(same=table["same"] == "1")


@dataclass(frozen=True)
class _PathSource:
    """Photographs by their path below a folder."""

    root: Path

    def read(self, image_id: str) -> NDArray[np.uint8]:
        path = self.root / image_id
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ImageRefused(Refusal.OUTSIDE, f"{path} is a link to a file outside {self.root}")
        return read_image(path)


@dataclass(frozen=True)
class _MakePairWork:
    folder: Path
    fingerprint: str
    config: VerifyConfig

    def __call__(self) -> "_PairWork":
        return _PairWork(FeatureStore(self.folder, self.fingerprint), self.config)


@dataclass(frozen=True)
class _PairWork:
    store: FeatureStore
    config: VerifyConfig

    def __call__(self, pair: tuple[str, str]) -> tuple[int, int]:
        match = match_features(self.store.get(pair[0]), self.store.get(pair[1]), self.config)
        return len(match.putative), match.geometry.num_inliers


def score_pairs(
    pairs: Sequence[tuple[str, str]],
    *,
    root: Path,
    features: str,
    feature_folder: Path,
    config: VerifyConfig,
    workers: int = 1,
) -> tuple[pd.DataFrame, dict[str, ImageRefused]]:
    """The matches and inliers of many pairs, and the photographs that were refused.

    Args:
        pairs: paths below `root`.
        root: folder of the photographs.
        features: "sift" or "delf:DIR".
        feature_folder: where features are kept, for this run if it is killed and for later ones.
        config: matching and geometry.
        workers: processes; the results do not depend on them.

    Returns:
        Columns a, b, matches and inliers, in the order of the pairs, without pairs of a refused photograph; and the
        refused ones by path.

    Raises:
        OSError: a folder cannot be read or written.
        ValueError: the features of another extractor lie in `feature_folder`.
    """
    extractor = load_extractor(features)
    names = [name for pair in pairs for name in pair]
    with FeatureStore(feature_folder, extractor.fingerprint) as store:
        refused = extract_missing(
            names,
            source=_PathSource(root),
            store=store,
            features=features,
            extractor=extractor,
            workers=workers,
            what="pairs",
        )
    good = [pair for pair in pairs if not refused.keys() & set(pair)]
    counts = []
    make_work = _MakePairWork(feature_folder, extractor.fingerprint, config)
    with (
        terminal.progress("match", len(good), unit="pairs") as bar,
        ordered_map(make_work, good, workers=workers) as results,
    ):
        for count in results:
            counts.append(count)
            bar.advance()
    rows = [(*pair, *count) for pair, count in zip(good, counts, strict=True)]
    return pd.DataFrame(rows, columns=["a", "b", "matches", "inliers"]), refused

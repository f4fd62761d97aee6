"""Pairs of photographs: one of them, or a list from a CSV, in parallel and with features extracted once an image."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.config import VerifyConfig, default_config
from delf_verify.decision import default_thresholds, load_thresholds, probabilities
from delf_verify.evidence import PairMatch
from delf_verify.extract import load_extractor
from delf_verify.feature_job import extract_missing
from delf_verify.feature_store import FeatureStore, as_stored
from delf_verify.features import Extractor, LocalFeatures
from delf_verify.pair_files import Pair, find_root, read_pairs, write_refused, write_scores
from delf_verify.pair_job import PairScore, match_features, match_stored
from tfrecords_builder import terminal
from tfrecords_builder.images import ImageRefused, Refusal, read_image
from tfrecords_builder.json_files import read_object, write_json

# Whose features a folder holds: their ids are paths, which say so only together with this.
_ROOT_FILE = "photographs.json"
# Few: a killed run extracts again what was not written.
_IMAGES_PER_SHARD = 32


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
    """Matches two files; the numbers are those of the same pair in a list.

    Raises:
        CheckFailed: one of them cannot be read as a photograph.
    """
    one, other = _read(first), _read(second)
    features = as_stored(extractor.extract(one)), as_stored(extractor.extract(other))
    return MatchedPhotographs((one, other), features, match_features(*features, config))


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return read_image(path)
    except ImageRefused as refused:
        raise terminal.CheckFailed(f"{path} cannot be read as a photograph: {refused}") from refused


@dataclass(frozen=True)
class _PathSource:
    """Photographs by their path from a folder; `within`: those below it alone."""

    root: Path
    within: bool

    def read(self, image_id: str) -> NDArray[np.uint8]:
        path = self.root / image_id
        # Not Path.resolve, which fails on a loop of links.
        if self.within and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root)):
            raise ImageRefused(Refusal.OUTSIDE, f"{path} is a link to a file outside {self.root}")
        return read_image(path)


def score_pairs(
    pairs: Sequence[Pair],
    *,
    root: Path,
    within: bool,
    features: str,
    feature_folder: Path,
    config: VerifyConfig,
    workers: int = 1,
) -> tuple[pd.DataFrame, dict[str, ImageRefused]]:
    """The matches and inliers of many pairs, and the photographs that were refused.

    Args:
        pairs: paths from `root`; a pair may occur twice, and both may be one photograph.
        root: folder of the photographs.
        within: a link that leads out of `root` is refused.
        features: names the extractor; see `delf_verify.extract.load_extractor`.
        feature_folder: where features and scores are kept, for this run if it is killed and for later ones.
        config: matching and geometry.
        workers: processes; the results do not depend on them.

    Returns:
        Columns a, b (text), matches, inliers (int64), inlier_ratio and spread (float64; see `ImageEvidence`), in the
        order of the pairs, without pairs of a refused photograph; and the refused ones by path.

    Raises:
        OSError: a folder is missing, or cannot be read or written.
        ValueError: the features of another extractor, or of photographs in another folder, lie in `feature_folder`.
    """
    extractor = load_extractor(features)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder of photographs at {root}")
    with FeatureStore(feature_folder, extractor.fingerprint, _IMAGES_PER_SHARD) as store:
        _check_root(feature_folder, root)
        refused = extract_missing(
            [name for pair in pairs for name in pair],
            source=_PathSource(root, within),
            store=store,
            features=features,
            extractor=extractor,
            workers=workers,
            what="pairs",
        )
        good = [pair for pair in pairs if pair[0] not in refused and pair[1] not in refused]
        scores = match_stored(good, store, config, workers=workers)
    table = pd.DataFrame(good, columns=["a", "b"])
    for name in PairScore._fields[:2]:
        table[name] = np.array([getattr(score, name) for score in scores], np.int64)
    table["inlier_ratio"] = table["inliers"] / table["matches"].clip(lower=1)
    table["spread"] = np.array([score.spread for score in scores], np.float64)
    return table, refused


@dataclass(frozen=True)
class ScoredList:
    """What became of a list of pairs.

    Attributes:
        num_pairs: rows of the list.
        num_scored: those of them whose photographs could be read.
        refused: the photographs that could not, by path.
        refused_file: where they are written down.
    """

    num_pairs: int
    num_scored: int
    refused: dict[str, ImageRefused]
    refused_file: Path


def score_list(
    pairs: Path, out: Path, *, root: Path | None, features: str, thresholds: Path | None, workers: int
) -> ScoredList:
    """Scores the pairs of a CSV; writes NAME.csv and NAME_refused.csv, and keeps the features in NAME_features.

    Args:
        pairs: see `delf_verify.pair_files`.
        out: NAME.csv, its scores.
        root: folder of the photographs, out of which no path may lead. None: a list of one's own files, whose paths may
            be absolute, or start from the folder of `find_root`.
        features: names the extractor.
        thresholds: what `tfland tune` wrote; its fit for pairs makes the probabilities, which stay empty where it has
            none. None: what is shipped for the extractor.
        workers: processes; the files do not depend on them.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the list, the thresholds or `features` are bad, or of different extractors.
        RuntimeError: a worker process died.
    """
    listed = read_pairs(pairs, within=root is not None)
    rule = default_thresholds(features) if thresholds is None else load_thresholds(thresholds)
    rule.check_extractor(load_extractor(features).fingerprint)
    table, refused = score_pairs(
        listed,
        root=root or find_root(pairs, listed),
        within=root is not None,
        features=features,
        feature_folder=out.with_name(f"{out.stem}_features"),
        config=default_config(features),
        workers=workers,
    )
    numbers = zip(
        table["matches"],
        table["inliers"],
        probabilities(table.rename(columns={"inliers": "num_inliers"}), rule),
        strict=True,
    )
    refused_file = out.with_name(f"{out.stem}_refused.csv")
    write_refused(refused_file, refused)
    write_scores(out, listed, dict(zip(zip(table["a"], table["b"], strict=True), numbers, strict=True)))
    return ScoredList(len(listed), len(table), refused, refused_file)


def _check_root(feature_folder: Path, root: Path) -> None:
    """Refuses features of photographs that have the same paths in another folder."""
    path, name = feature_folder / _ROOT_FILE, str(root.resolve())
    if not path.exists():
        write_json(path, {"images": name})
    elif (stored := read_object(path).get("images")) != name:
        raise ValueError(
            f"{feature_folder} holds features of the photographs in {stored!r}, not of those in {name!r}: "
            "delete it or give another --out"
        )

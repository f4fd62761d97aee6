"""The official DELF v1, DELF-GLD and DELG models as extractors.

A folder holds, as the authors' archives do:

    saved_model.pb, variables/    the model, here or in model/
    pca/mean.datum, pca_proj_mat.datum, pca_variances.datum    of DELF, whose descriptors have 1024 numbers; DELG's have
                                  128 and need none. Variances are read for whitening alone.
    extractor.yaml                optional: settings of `SavedModelConfig` that differ from its defaults

docs/OFFICIAL_MODELS.md names the published archives.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml  # type: ignore[import-untyped]
from numpy.typing import NDArray

from delf_verify.datum_io import read_datum
from delf_verify.features import LocalFeatures
from delf_verify.official_graph import GRAPH, OfficialGraph
from delf_verify.pca import Pca, normalize

SETTINGS = "extractor.yaml"
MEAN, MATRIX, VARIANCES = "pca/mean.datum", "pca/pca_proj_mat.datum", "pca/pca_variances.datum"
# Raised whenever the same folder would give other features; stored features of the old version are then refused.
_VERSION = 1
# Below this side an image has no features (the authors' extractor.py).
_MIN_SIDE = 10
_DELF_THRESHOLD, _DELG_THRESHOLD = 100.0, 175.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SavedModelConfig:
    """Settings of an extraction; the defaults are those of the authors' delf_config_example and r50delg_gld_config.

    Attributes:
        scales: of the pyramid, relative to the photograph.
        max_features: kept of an image at most, those of the highest attention.
        score_threshold: features of a lower attention are left out. None: 100 for DELF, 175 for DELG. (The authors took
            454.6 for r50delg_gldv2clean_20200914.)
        max_side: a photograph whose longer side, in pixels, is above this is reduced to it first.
        pca_size: length of the descriptors after the PCA, where there is one.
        whiten: divide by the standard deviations after the PCA.

    Raises:
        ValueError: a value is out of range or of another type.
    """

    scales: tuple[float, ...] = (0.25, 0.3536, 0.5, 0.7071, 1.0, 1.4142, 2.0)
    max_features: int = 1000
    score_threshold: float | None = None
    max_side: int = 1024
    pca_size: int = 40
    whiten: bool = False

    def __post_init__(self) -> None:
        scales = self.scales if isinstance(self.scales, list | tuple) else ()
        if not scales or not all(_is_number(scale) and 0 < scale <= 8 for scale in scales):
            raise ValueError(f"scales must be numbers above 0 and at most 8, got {self.scales!r}")
        object.__setattr__(self, "scales", tuple(map(float, scales)))
        for name, least in (("max_features", 1), ("max_side", _MIN_SIDE), ("pca_size", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
        threshold = self.score_threshold
        if threshold is not None and not (_is_number(threshold) and 0 <= threshold < np.inf):
            raise ValueError(f"score_threshold must be at least 0 or null, got {threshold!r}")
        if not isinstance(self.whiten, bool):
            raise ValueError(f"whiten must be true or false, got {self.whiten!r}")


class SavedModelExtractor:
    """Extracts local features by an official model: graph, centres of boxes, L2 -> PCA -> L2.

    Args:
        folder: see the module.

    Attributes:
        config: the settings; with a score threshold.
        fingerprint: see `delf_verify.features.Extractor`; covers settings, graph, weights and projection.

    Raises:
        FileNotFoundError: the model, its weights or a part of its PCA are missing.
        ValueError: a file is not what it should be, or the model lacks a tensor.
    """

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        config = _read_config(folder / SETTINGS)
        place = folder if (folder / GRAPH).is_file() else folder / "model"
        self._graph = OfficialGraph(place)
        if config.score_threshold is None:
            usual = _DELG_THRESHOLD if self._graph.is_delg else _DELF_THRESHOLD
            config = replace(config, score_threshold=usual)
        self.config = config
        self._pca = _read_pca(folder, config)
        length = self._graph.dimension
        if self._pca is not None and length not in (None, len(self._pca.mean)):
            raise ValueError(f"{folder / MEAN} has {len(self._pca.mean)} numbers, the model's descriptors {length}")
        if self._pca is None:
            logger.info("%s has no PCA: descriptors keep their %s numbers", folder, length)
        self.fingerprint = f"savedmodel-v{_VERSION}-{_digest(folder, place, config, self._pca is not None)[:16]}"

    def extract(self, image: NDArray[np.uint8]) -> LocalFeatures:
        """The features of an image, highest attention first.

        Args:
            image: [H, W, 3] uint8 RGB.

        Returns:
            At most `config.max_features` features; none where a side is below 10 pixels or no attention reaches the
            threshold. Scores are attentions; scales are the inverse of the pyramid's, as in the authors' files, times
            how much larger the photograph is than what it was reduced to: sizes in its pixels.

        Raises:
            ValueError: the array is no RGB image, or the model puts out something that is not finite.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ValueError(f"an image must be [H, W, 3] uint8 RGB, got {list(image.shape)} {image.dtype}")
        reduced = _reduce(image, self.config.max_side)
        if min(reduced.shape[:2]) < _MIN_SIDE:
            return LocalFeatures.empty(self._dimension())
        threshold = float(self.config.score_threshold or 0.0)
        found = self._graph(reduced, self.config.scales, threshold, self.config.max_features)
        ratio = np.array([image.shape[0] / reduced.shape[0], image.shape[1] / reduced.shape[1]])
        centres = (found.boxes[:, :2].astype(np.float64) + found.boxes[:, 2:]) / 2
        return LocalFeatures(
            locations_yx=((centres + 0.5) * ratio - 0.5).astype(np.float32),
            descriptors=normalize(found.descriptors) if self._pca is None else self._pca.project(found.descriptors),
            scores=found.scores,
            scales=(found.scales * np.sqrt(ratio.prod())).astype(np.float32),
            pixel_size=float(np.sqrt(ratio.prod())),
        )

    def _dimension(self) -> int:
        if self._pca is not None:
            return len(self._pca.variances)
        if self._graph.dimension is not None:
            return self._graph.dimension
        # A graph that does not say: an image on which nothing reaches the threshold does.
        grey = np.full((64, 64, 3), 128, np.uint8)
        return self._graph(grey, [1.0], float(np.finfo(np.float32).max), 1).descriptors.shape[1]


def _read_config(path: Path) -> SavedModelConfig:
    if not path.is_file():
        return SavedModelConfig()
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"it must hold 'key: value' lines, got {type(content).__name__}")
        known = list(asdict(SavedModelConfig()))
        if unknown := [key for key in content if key not in known]:
            raise ValueError(f"unknown keys {unknown}; known are {known}")
        return SavedModelConfig(**content)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _read_pca(folder: Path, config: SavedModelConfig) -> Pca | None:
    """DELF's projection, whose matrix [D, D] has a component in every row; None where there is no folder pca/."""
    if not (folder / MEAN).parent.is_dir():
        return None
    mean, matrix = read_datum(folder / MEAN).reshape(-1), read_datum(folder / MATRIX)
    size = config.pca_size
    if matrix.ndim != 2 or matrix.shape[1] != len(mean) or len(matrix) < size:
        raise ValueError(
            f"{folder / MATRIX} is {list(matrix.shape)}, expected at least {size} rows (pca_size) of {len(mean)}"
        )
    variances = np.ones(size, np.float32)
    if config.whiten:
        variances = read_datum(folder / VARIANCES).reshape(-1)[:size]
        if len(variances) < size or not (variances > 0).all():
            raise ValueError(f"{folder / VARIANCES} must hold at least {size} numbers above 0 (pca_size) to whiten by")
    return Pca(mean, matrix[:size].T, variances, config.whiten)


def _reduce(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if max(height, width) <= max_side:
        return image
    factor = max_side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _digest(folder: Path, place: Path, config: SavedModelConfig, has_pca: bool) -> str:
    content = [asdict(config), {name: _sha256(path) for name, path in _files(folder, place, config, has_pca)}]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _files(folder: Path, place: Path, config: SavedModelConfig, has_pca: bool) -> Iterator[tuple[str, Path]]:
    yield GRAPH, place / GRAPH
    for path in (*place.glob("variables/*"), *place.glob("assets/*")):
        yield f"{path.parent.name}/{path.name}", path
    if has_pca:
        for name in (MEAN, MATRIX, *([VARIANCES] if config.whiten else [])):
            yield name, folder / name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""Settings of a verification, all in one place."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from delf_verify.decision import Thresholds
from delf_verify.geometry import GeometryConfig
from delf_verify.matching import MatchingConfig

SIFT = "sift"
SIFT_ORIENTED = "sift:oriented"
DELF_PREFIX = "delf:"
SAVED_MODEL_PREFIX = "savedmodel:"


@dataclass(frozen=True, kw_only=True)
class VerifyConfig:
    """How predictions are verified.

    Attributes:
        matching: which features of two images look alike.
        geometry: which of those agree on one map.
        thresholds: how many of them confirm a prediction.
        max_index_images: index images of the predicted landmark that a query is compared with at most; None means
            all, as in seed 003. Which ones depends on their ids alone, unless similar ones are named.
        stop_early: a query is compared no further once it is certain to be confirmed; see `delf_verify.early_stop`.

    Raises:
        ValueError: max_index_images is below 1.
    """

    matching: MatchingConfig = field(default_factory=MatchingConfig)
    geometry: GeometryConfig = field(default_factory=GeometryConfig)
    thresholds: Thresholds = field(default_factory=Thresholds)
    max_index_images: int | None = None
    stop_early: bool = False

    def __post_init__(self) -> None:
        if self.max_index_images is not None and self.max_index_images < 1:
            raise ValueError(
                f"max_index_images={self.max_index_images}: give at least 1, or leave it out to compare with all"
            )

    def with_thresholds(self, thresholds: Thresholds) -> "VerifyConfig":
        """The same settings with another decision rule."""
        return replace(self, thresholds=thresholds)

    def with_residual(self, residual_px: float) -> "VerifyConfig":
        """The same settings with another residual; see `GeometryConfig`."""
        return replace(self, geometry=replace(self.geometry, residual_px=residual_px))

    def evidence_settings(self) -> dict[str, Any]:
        """Everything that changes the counted inliers, as JSON; the thresholds do only where they stop early."""
        settings = asdict(self)
        if not self.stop_early:
            del settings["thresholds"]
        return settings


def default_config(features: str) -> VerifyConfig:
    """The settings that suit an extractor.

    DELF: seed 003. RootSIFT's longer descriptors need Lowe's ratio test and mutual neighbours instead of a distance
    limit. The sizes of upright features give maps from single matches, which let a weak ratio test do. What was chosen
    on which photographs stands in benchmarks/README.md (verification_quality.py). Oriented features may be turned in
    any way, for which those maps do not allow.

    Args:
        features: as `check_features` knows them.

    Raises:
        ValueError: it names no extractor.
    """
    check_features(features)
    if features == SIFT:
        matching = MatchingConfig(max_distance=None, ratio=0.95, mutual=True)
        return VerifyConfig(matching=matching, geometry=GeometryConfig(engine="scales"))
    if features == SIFT_ORIENTED:
        return VerifyConfig(matching=MatchingConfig(max_distance=None, ratio=0.9, mutual=True))
    return VerifyConfig()


def check_features(features: str) -> None:
    """Refuses what names no extractor.

    Raises:
        ValueError: `features` is neither "sift" (RootSIFT, upright), "sift:oriented", "delf:DIR" (a fitted DELF) nor
            "savedmodel:DIR" (an official DELF or DELG).
    """
    folders = (DELF_PREFIX, SAVED_MODEL_PREFIX)
    if features not in (SIFT, SIFT_ORIENTED) and not (features.startswith(folders) and features not in folders):
        raise ValueError(
            f"features {features!r}: give 'sift', 'sift:oriented', 'delf:DIR' with the folder of a trained extractor, "
            "or 'savedmodel:DIR' with an official model"
        )

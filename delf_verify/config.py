"""Settings of a verification, all in one place."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from delf_verify.decision import Thresholds
from delf_verify.geometry import GeometryConfig
from delf_verify.matching import MatchingConfig

SIFT = "sift"
DELF_PREFIX = "delf:"


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

    DELF: seed 003. RootSIFT: Lowe's ratio test and mutual neighbours, which its longer and less selective
    descriptors need (benchmarks/README.md).

    Args:
        features: "sift" or "delf:DIR".

    Raises:
        ValueError: it is neither.
    """
    check_features(features)
    if features == SIFT:
        return VerifyConfig(matching=MatchingConfig(max_distance=None, ratio=0.9, mutual=True))
    return VerifyConfig()


def check_features(features: str) -> None:
    """Refuses what names no extractor.

    Raises:
        ValueError: `features` is neither "sift" nor "delf:DIR".
    """
    if features != SIFT and not (features.startswith(DELF_PREFIX) and len(features) > len(DELF_PREFIX)):
        raise ValueError(f"features {features!r}: give 'sift', or 'delf:DIR' with the folder of a trained extractor")

"""The `loss` section of an experiment."""

import math
from dataclasses import dataclass
from typing import Literal

from tfland.config.checks import check_between, check_positive, refuse


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The training loss.

    Attributes:
        name: "softmax" (cross-entropy) or "arcface" (cross-entropy with an additive angular margin).
        scale: s of ArcFace; 45 in the published code of seed 001. A linear head ignores it.
        margin: m of ArcFace in radians; 0.3 to 0.4 in seed 001.
        label_smoothing: share of the target spread over all classes, in [0, 1).
    """

    name: Literal["softmax", "arcface"] = "softmax"
    scale: float = 45.0
    margin: float = 0.3
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_positive("loss.scale", self.scale)
        check_between("loss.margin", self.margin, 0, math.pi / 2)
        if not 0 <= self.label_smoothing < 1:
            refuse("loss.label_smoothing", self.label_smoothing, "give a share of at least 0 and below 1")

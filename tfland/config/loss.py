"""The `loss` section of an experiment."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from tfland.config.checks import check_between, check_positive, refuse

# s where `loss.scale` is null, by loss and head. ArcFace: published code of seed 001. LDAM on cosines: published code
# of Cao et al. 2019. Softmax on cosines is NormFace (Wang et al. 2017, https://arxiv.org/abs/1704.06369).
_SCALES = {
    ("arcface", "cosine"): 45.0,
    ("softmax", "cosine"): 30.0,
    ("ldam", "cosine"): 30.0,
    ("softmax", "linear"): 1.0,
    ("ldam", "linear"): 1.0,
}


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The training loss.

    Attributes:
        name: "softmax" (cross-entropy), "arcface" (with an additive angular margin; needs model.head "cosine") or
            "ldam" (with a margin that is larger for smaller classes; seed 002).
        scale: s, factor of the logits; null takes 45 for "arcface" (published code of seed 001) and, on a cosine head,
            30 for "softmax" (NormFace) and "ldam"; 1 for "ldam" on a linear head. "softmax" on a linear head has none.
        margin: m of ArcFace in radians; 0.3 to 0.4 in seed 001. With class_margins "by_size" the smallest class's.
        class_margins: "equal" (every class has `margin`) or "by_size" (a·n^(−λ) + b for a class of n training
            photographs, from `margin` for the smallest to margin_min for the largest; ArcFace only).
        margin_min: margin of the largest class in radians, for class_margins "by_size".
        margin_exponent: λ of class_margins "by_size".
        easy_margin: ArcFace's margin only where the photograph is within 90° of its class.
        ldam_margin: LDAM's largest margin, that of the smallest class; the others follow n^(−1/4). 0.5 in the
            published code of seed 002.
        focal_gamma: γ of the focal loss, a factor (1 − p)^γ on any of the three; 0 for none.
        label_smoothing: share of the target spread over all classes, in [0, 1).
        class_weights: weight of a training photograph by the size n of its class: "none", "log" (1 / log(1 + n),
            published code of seed 001) or "effective_number" ((1 − β) / (1 − β^n)).
        class_weights_normalisation: "batch" (the weighted losses are divided by the sum of the batch's weights) or
            "global" (the weights average 1 over the training photographs).
        class_weights_from_epoch: before this many epochs every weight is 1; above 0 it is the deferred re-weighting of
            LDAM's authors (with "effective_number", at 0.8 of the epochs).
        effective_number_beta: β of class_weights "effective_number", in [0, 1).
    """

    name: Literal["softmax", "arcface", "ldam"] = "softmax"
    scale: float | None = None
    margin: float = 0.3
    class_margins: Literal["equal", "by_size"] = "equal"
    margin_min: float = 0.05
    margin_exponent: float = 0.25
    easy_margin: bool = False
    ldam_margin: float = 0.5
    focal_gamma: float = 0.0
    label_smoothing: float = 0.0
    class_weights: Literal["none", "log", "effective_number"] = "none"
    class_weights_normalisation: Literal["batch", "global"] = "batch"
    class_weights_from_epoch: float = 0.0
    effective_number_beta: float = 0.9999

    def __post_init__(self) -> None:
        if self.scale is not None:
            check_positive("loss.scale", self.scale)
        check_between("loss.margin", self.margin, 0, math.pi / 2)
        if self.class_margins == "by_size":
            check_between("loss.margin_min", self.margin_min, 0, self.margin)
        check_positive("loss.margin_exponent", self.margin_exponent)
        check_between("loss.ldam_margin", self.ldam_margin, 0)
        check_between("loss.focal_gamma", self.focal_gamma, 0)
        if not 0 <= self.label_smoothing < 1:
            refuse("loss.label_smoothing", self.label_smoothing, "give a share of at least 0 and below 1")
        if self.focal_gamma and self.label_smoothing:
            # (1 − p)^γ is defined by the probability of one true class.
            refuse(
                "loss.label_smoothing", self.label_smoothing, "loss.focal_gamma goes without it; set one of them to 0"
            )
        check_between("loss.class_weights_from_epoch", self.class_weights_from_epoch, 0)
        if not 0 <= self.effective_number_beta < 1:
            refuse("loss.effective_number_beta", self.effective_number_beta, "give a number of at least 0 and below 1")

    @property
    def logit_scale(self) -> float:
        """The factor on the model's outputs; until `for_head` has seen another head, that of the loss's usual one."""
        usual_head = "cosine" if self.name == "arcface" else "linear"
        return _SCALES[self.name, usual_head] if self.scale is None else self.scale

    def for_head(self, head: str) -> "LossConfig":
        """The same loss with the scale that belongs to model.head `head`."""
        if (self.name, head) == ("softmax", "linear"):
            # The weights of a linear head hold its scale; files of earlier versions carry ArcFace's 45 here.
            return replace(self, scale=1.0)
        return replace(self, scale=_SCALES[self.name, head] if self.scale is None else self.scale)

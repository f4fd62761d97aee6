"""The `model` section of an experiment: the network."""

from dataclasses import dataclass
from typing import Literal

from tfland.config.checks import check_between, check_positive, refuse


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network.

    Attributes:
        backbone: the convolutional network; for the DELF tasks its part up to conv4 is the trunk.
        pooling: how the feature map becomes one vector: "average", "max" or "gem" (generalised mean).
        gem_p: start value of GeM's exponent (3 in seed 001).
        gem_trainable: learn that exponent.
        gem_per_channel: an exponent for each channel instead of one for all.
        embedding_size: entries of the embedding; 0 takes the pooled features themselves. 512 in seed 001, 1000 in 000.
        neck: from pooled features to the embedding: "linear_bn_prelu" (seed 001), "linear_bn" (its published code's
            other form) or "linear" (seed 000's dense layer).
        neck_dropout: share of the pooled features zeroed before the neck in training, in [0, 1); 0.3 in the third
            form of seed 001's published code.
        dropout: share of embedding entries zeroed in training, in [0, 1).
        head: "linear" (logits) or "cosine" (cosines between embedding and class weights; ArcFace needs them).
        weights: "none" (random), "imagenet", or the path of a model directory or a .keras file of ours.
    """

    backbone: Literal["resnet18", "resnet50", "efficientnet_b0"] = "resnet50"
    pooling: Literal["average", "max", "gem"] = "gem"
    gem_p: float = 3.0
    gem_trainable: bool = True
    gem_per_channel: bool = False
    embedding_size: int = 0
    neck: Literal["linear_bn_prelu", "linear_bn", "linear"] = "linear_bn_prelu"
    neck_dropout: float = 0.0
    dropout: float = 0.0
    head: Literal["linear", "cosine"] = "linear"
    weights: str = "none"

    def __post_init__(self) -> None:
        check_positive("model.gem_p", self.gem_p)
        check_between("model.embedding_size", self.embedding_size, 0)
        if not 0 <= self.neck_dropout < 1:
            refuse("model.neck_dropout", self.neck_dropout, "give a share of at least 0 and below 1")
        if self.neck_dropout and not self.embedding_size:
            refuse("model.neck_dropout", self.neck_dropout, "without a neck there is none; set model.embedding_size")
        if not 0 <= self.dropout < 1:
            refuse("model.dropout", self.dropout, "give a share of at least 0 and below 1")
        if not self.weights:
            refuse("model.weights", self.weights, 'give "none", "imagenet" or a path')

"""The `model` section of an experiment: the network."""

import difflib
from dataclasses import dataclass
from typing import Literal

from tfland.config.checks import check_between, check_positive, refuse

# The table of networks is `tfland.models.backbone_specs.BACKBONES`; its names are repeated here because reading a
# configuration must not wait for Keras. A test holds the two together.
BACKBONE_NAMES = (
    "resnet18",
    "resnet50",
    "resnet101",
    "resnet152",
    "seresnext101_32x4d",
    "res2net101_26w4s",
    *(f"efficientnet_b{number}" for number in range(8)),
    "vgg16",
    "inception_v3",
    "inception_v100",
    "inception_v200",
)
# What the name of a network that keras-hub builds starts with.
PRESET_PREFIXES = ("hub:", "hf://", "kaggle://")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network.

    Attributes:
        backbone: the convolutional network: a name of the table in docs/BACKBONES.md, "hub:PRESET" for a vision
            backbone of keras-hub (a name or a folder), or its address ("hf://timm/resnet50.a1_in1k"). For the DELF
            tasks the part of a ResNet up to conv4 is the trunk.
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
        auxiliary_head: a second classifier on the 17x17 stage of an Inception, in training only (InceptionV3's).
        weights: "none" (random), "imagenet" (Keras's), "preset" (those of the keras-hub backbone), "hub:PRESET" or
            "hf://timm/NAME" (fetched into a backbone of the table), a .safetensors file of timm's, or a model
            directory or .keras file of ours, also of another image size or number of classes.
    """

    backbone: str = "resnet50"
    pooling: Literal["average", "max", "gem"] = "gem"
    gem_p: float = 3.0
    gem_trainable: bool = True
    gem_per_channel: bool = False
    embedding_size: int = 0
    neck: Literal["linear_bn_prelu", "linear_bn", "linear"] = "linear_bn_prelu"
    neck_dropout: float = 0.0
    dropout: float = 0.0
    head: Literal["linear", "cosine"] = "linear"
    auxiliary_head: bool = False
    weights: str = "none"

    def __post_init__(self) -> None:
        check_backbone(self.backbone)
        if self.auxiliary_head and not self.backbone.startswith("inception_"):
            refuse("model.auxiliary_head", True, f"{self.backbone} has none; give an inception_ backbone or false")
        if self.auxiliary_head and self.head == "cosine":
            refuse("model.auxiliary_head", True, "its classifier is linear; set model.head=linear, or it to false")
        check_positive("model.gem_p", self.gem_p)
        check_between("model.embedding_size", self.embedding_size, 0)
        if not 0 <= self.neck_dropout < 1:
            refuse("model.neck_dropout", self.neck_dropout, "give a share of at least 0 and below 1")
        if self.neck_dropout and not self.embedding_size:
            refuse("model.neck_dropout", self.neck_dropout, "without a neck there is none; set model.embedding_size")
        if not 0 <= self.dropout < 1:
            refuse("model.dropout", self.dropout, "give a share of at least 0 and below 1")
        if not self.weights:
            refuse("model.weights", self.weights, 'give "none", "imagenet", a preset or a path')


def check_backbone(name: str) -> None:
    """Refuses the name of a network that there is none of, and offers the nearest."""
    if name in BACKBONE_NAMES:
        return
    if name.startswith(PRESET_PREFIXES):
        if name in PRESET_PREFIXES:
            refuse("model.backbone", name, 'give the preset\'s name behind it, as in "hub:resnet_50_imagenet"')
        return
    near = difflib.get_close_matches(name, BACKBONE_NAMES, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    refuse("model.backbone", name, f"{hint}choose one of {', '.join(BACKBONE_NAMES)}, or hub:PRESET")

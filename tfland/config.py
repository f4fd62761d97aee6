"""What one experiment is: frozen dataclasses that refuse a bad value before the first GPU minute."""

import math
from dataclasses import dataclass, field
from typing import Literal

Task = Literal["classify", "delf_descriptors", "delf_attention"]
DELF_TASKS = ("delf_descriptors", "delf_attention")


def _refuse(field_name: str, value: object, rule: str) -> None:
    raise ValueError(f"{field_name} is {value!r}; {rule}")


def _check_between(field_name: str, value: float, low: float, high: float = math.inf) -> None:
    if not (low <= value <= high and math.isfinite(value)):
        upper = "" if high == math.inf else f" and at most {high:g}"
        _refuse(field_name, value, f"give a number of at least {low:g}{upper}")


def _check_positive(field_name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        _refuse(field_name, value, "give a number above 0")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network.

    Attributes:
        backbone: the convolutional network; for the DELF tasks its part up to conv4 is the trunk.
        pooling: how the feature map becomes one vector; "gem" is the generalised mean.
        gem_p: start value of GeM's exponent (3 in seed 001).
        gem_trainable: learn that exponent.
        embedding_size: entries of the embedding; 0 takes the pooled features themselves.
        dropout: share of embedding entries zeroed in training, in [0, 1).
        head: "linear" (logits) or "cosine" (cosines between embedding and class weights, for ArcFace).
        weights: "none" (random), "imagenet", or the path of a model directory or a .keras file of ours.
    """

    backbone: Literal["resnet18", "resnet50", "efficientnet_b0"] = "resnet50"
    pooling: Literal["average", "gem"] = "gem"
    gem_p: float = 3.0
    gem_trainable: bool = True
    embedding_size: int = 0
    dropout: float = 0.0
    head: Literal["linear", "cosine"] = "linear"
    weights: str = "none"

    def __post_init__(self) -> None:
        _check_positive("model.gem_p", self.gem_p)
        _check_between("model.embedding_size", self.embedding_size, 0)
        if not 0 <= self.dropout < 1:
            _refuse("model.dropout", self.dropout, "give a share of at least 0 and below 1")
        if not self.weights:
            _refuse("model.weights", self.weights, 'give "none", "imagenet" or a path')


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
        _check_positive("loss.scale", self.scale)
        _check_between("loss.margin", self.margin, 0, math.pi / 2)
        if not 0 <= self.label_smoothing < 1:
            _refuse("loss.label_smoothing", self.label_smoothing, "give a share of at least 0 and below 1")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The shards and what happens to a photograph before the network.

    Attributes:
        shards: folder that `tfland build shards` wrote.
        train_split: name of the shards to train on.
        validation_split: name of the shards to validate on; null for none.
        image_size: height and width of the network's input in pixels.
        resize: how a whole photograph becomes square: "exact" (both sides scaled to image_size, aspect ratio
            lost) or "shortest_side" (shortest side scaled to image_size, centre cropped).
        crop: training only: "none", "shift" (scaled by `resize` to image_size + shift_pixels, then a window
            at random) or "random_resized" (a window of random area and aspect ratio, scaled to image_size).
        shift_pixels: how far the window of crop "shift" can move, in pixels.
        crop_area_min: smallest area of the window of crop "random_resized", as a share of the photograph's.
        flip: mirror every second photograph left to right in training.
        rotation_degrees: training photographs turn by up to this angle either way (20 in seed 003).
        colour_jitter: brightness, contrast and saturation vary by up to this share either way in training.
    """

    shards: str
    train_split: str = "train"
    validation_split: str | None = "validation"
    image_size: int = 128
    resize: Literal["exact", "shortest_side"] = "exact"
    crop: Literal["none", "shift", "random_resized"] = "random_resized"
    shift_pixels: int = 16
    crop_area_min: float = 0.5
    flip: bool = True
    rotation_degrees: float = 20.0
    colour_jitter: float = 0.1

    def __post_init__(self) -> None:
        if not self.shards:
            _refuse("data.shards", self.shards, "give the folder that `tfland build shards` wrote")
        _check_between("data.image_size", self.image_size, 32, 4096)
        _check_between("data.shift_pixels", self.shift_pixels, 0, 4096)
        if not 0 < self.crop_area_min <= 1:
            _refuse("data.crop_area_min", self.crop_area_min, "give a share above 0 and at most 1")
        _check_between("data.rotation_degrees", self.rotation_degrees, 0, 180)
        if not 0 <= self.colour_jitter < 1:
            _refuse("data.colour_jitter", self.colour_jitter, "give a share of at least 0 and below 1")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How gradients change the weights.

    Attributes:
        name: "sgd" (with momentum), "adam" or "adamw".
        momentum: of SGD, in [0, 1).
        nesterov: look ahead (SGD only).
        weight_decay: decoupled for AdamW, an L2 gradient for SGD and Adam; never on biases and normalisation.
        clip_norm: the gradients' joint norm is cut to this; 0 leaves them (5 in seed 001's published code).
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            _refuse("optimizer.momentum", self.momentum, "give a share of at least 0 and below 1")
        _check_between("optimizer.weight_decay", self.weight_decay, 0)
        _check_between("optimizer.clip_norm", self.clip_norm, 0)


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate moves.

    Attributes:
        name: "constant", "step" (times gamma every step_epochs) or "cosine" (down to floor at the end).
        learning_rate: its highest value.
        warmup_epochs: epochs of linear rise from 0 before that (one in seed 001).
        step_epochs: epochs between two drops of "step" (8 in seed 003).
        gamma: factor of each drop of "step" (0.1 in seed 003).
        floor: last value of "cosine" (1e-6 in the published code of seed 004).
    """

    name: Literal["constant", "step", "cosine"] = "cosine"
    learning_rate: float = 0.01
    warmup_epochs: float = 0.0
    step_epochs: float = 8.0
    gamma: float = 0.1
    floor: float = 0.0

    def __post_init__(self) -> None:
        _check_positive("schedule.learning_rate", self.learning_rate)
        _check_between("schedule.warmup_epochs", self.warmup_epochs, 0)
        _check_positive("schedule.step_epochs", self.step_epochs)
        _check_between("schedule.gamma", self.gamma, 0, 1)
        _check_between("schedule.floor", self.floor, 0, self.learning_rate)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The run.

    Attributes:
        model_dir: folder that receives the model, its metrics and its checkpoints.
        epochs: passes over the training photographs.
        batch_size: photographs a step over all replicas together.
        seed: reaches the weights, the order, the augmentation and dropout.
        strategy: "one_device" or "mirrored" (every GPU of this machine, or its CPU devices where it has none).
        precision: what layers compute in; the weights stay float32.
        deterministic: the same weights bit for bit in every run on one device; slower on a GPU.
        checkpoint_every_steps: steps between two checkpoints; one more is written at each epoch's end.
        validate_every_epochs: epochs between two validations; the last epoch always has one.
    """

    model_dir: str
    epochs: int = 10
    batch_size: int = 128
    seed: int = 0
    strategy: Literal["one_device", "mirrored"] = "one_device"
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    deterministic: bool = True
    checkpoint_every_steps: int = 1000
    validate_every_epochs: int = 1

    def __post_init__(self) -> None:
        if not self.model_dir:
            _refuse("training.model_dir", self.model_dir, "give the folder for the model")
        for name in ("epochs", "batch_size", "checkpoint_every_steps", "validate_every_epochs"):
            _check_between(f"training.{name}", getattr(self, name), 1)
        _check_between("training.seed", self.seed, 0, 2**31 - 1)
        if self.precision == "float16":
            rule = "it needs loss scaling, which is not built yet; use bfloat16 or float32"
            _refuse("training.precision", self.precision, rule)


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """One experiment, whole; `tfland.config_io` reads it from YAML.

    Attributes:
        task: "classify", "delf_descriptors" (fine-tune the DELF trunk by classification) or "delf_attention"
            (train the attention on the frozen trunk of the model in model.weights).
        data: see `DataConfig`.
        training: see `TrainingConfig`.
        model: see `ModelConfig`.
        loss: see `LossConfig`.
        optimizer: see `OptimizerConfig`.
        schedule: see `ScheduleConfig`.
    """

    task: Task = "classify"
    data: DataConfig
    training: TrainingConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        if self.loss.name == "arcface" and self.model.head != "cosine":
            _refuse("model.head", self.model.head, 'loss.name "arcface" takes cosines; set model.head=cosine')
        if self.loss.name == "softmax" and self.model.head == "cosine":
            # Cosines lie in [-1, 1]: without ArcFace's scale their softmax is nearly flat and nothing is learnt.
            rule = "set loss.name=arcface, which scales the cosines (loss.margin=0 for none), or model.head=linear"
            _refuse("model.head", self.model.head, rule)
        if self.schedule.warmup_epochs > self.training.epochs:
            rule = f"it exceeds training.epochs ({self.training.epochs})"
            _refuse("schedule.warmup_epochs", self.schedule.warmup_epochs, rule)
        if self.task in DELF_TASKS and self.loss.name != "softmax":
            _refuse("loss.name", self.loss.name, f'task "{self.task}" trains with softmax')
        if self.task == "delf_attention" and self.model.weights in ("none", "imagenet"):
            rule = 'give the model directory that task "delf_descriptors" wrote'
            _refuse("model.weights", self.model.weights, rule)

"""The `training` section of an experiment: the run."""

from dataclasses import dataclass
from typing import Literal

from tfland.config.checks import check_between, refuse


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
            refuse("training.model_dir", self.model_dir, "give the folder for the model")
        for name in ("epochs", "batch_size", "checkpoint_every_steps", "validate_every_epochs"):
            check_between(f"training.{name}", getattr(self, name), 1)
        check_between("training.seed", self.seed, 0, 2**31 - 1)
        if self.precision == "float16":
            rule = "it needs loss scaling, which is not built yet; use bfloat16 or float32"
            refuse("training.precision", self.precision, rule)

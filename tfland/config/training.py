"""The `training` section of an experiment: the run."""

from dataclasses import dataclass
from typing import Literal

from tfland.config.checks import check_between, refuse

_DEFAULT_EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The run.

    Attributes:
        model_dir: folder that receives the model, its metrics and its checkpoints; with several workers on a file
            system that all of them share.
        epochs: passes over the training photographs; 10 where neither epochs nor steps are given.
        steps: length of the run in steps instead of epochs.
        batch_size: photographs a step over all replicas together.
        seed: reaches the weights, the order, the augmentation and dropout.
        strategy: "one_device", "mirrored" (every GPU of this machine, or its CPU devices where it has none),
            "multi_worker" (every GPU of several processes, which TF_CONFIG or Slurm names) or "tpu".
        worker_timeout_seconds: how long a worker waits for the others at the start before it names those that miss.
        precision: what layers compute in; the weights stay float32. "float16" scales the loss, and skips a step whose
            gradients are not finite.
        jit_compile: compile the step with XLA, on one device only; on a CPU it is slower.
        deterministic: the same weights bit for bit in every run on one device; slower on a GPU.
        checkpoint_every_steps: steps between two checkpoints; one more is written at each epoch's end.
        validate_every_epochs: epochs between two validations; the last step always has one. 1 where neither this nor
            validate_every_steps is given.
        validate_every_steps: steps between two validations instead of epochs; the history then has an entry for each.
        class_filter: GAP is measured as the challenge's host does (seed 001): only classes that occur among the
            validation photographs can be predicted. It changes no other score.
        knn: also measure GAP of the nearest training photographs, by cosine: "best" takes the landmark of the most
            similar one and its similarity, "top3" the landmark with the largest sum of similarities among three
            (seed 001, section 2.4), "off" neither.
        knn_images_per_class: training photographs of a class that kNN looks at, drawn once a run; 0 for all.
        best_metric: what makes a model the best; model.keras is the best of all validations, last.keras the last. A
            gate has no GAP: for it "validation_gap" becomes "validation_auc", and knn "off".
        patience: validations in a row without a better best_metric after which the run ends; 0 for never.
        not_learning_steps: steps between two looks at whether the training loss is below that of a network that
            knows nothing; 0 for none.
        not_learning: what happens where it is not: "warn" or "stop".
    """

    model_dir: str
    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 128
    seed: int = 0
    strategy: Literal["one_device", "mirrored", "multi_worker", "tpu"] = "one_device"
    worker_timeout_seconds: int = 300
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    jit_compile: bool = False
    deterministic: bool = True
    checkpoint_every_steps: int = 1000
    validate_every_epochs: int | None = None
    validate_every_steps: int | None = None
    class_filter: bool = True
    knn: Literal["off", "best", "top3"] = "best"
    knn_images_per_class: int = 10
    best_metric: Literal[
        "validation_gap", "validation_knn_gap", "validation_top1", "validation_loss", "validation_auc"
    ] = "validation_gap"
    patience: int = 0
    not_learning_steps: int = 2000
    not_learning: Literal["warn", "stop"] = "warn"

    def __post_init__(self) -> None:
        if not self.model_dir:
            refuse("training.model_dir", self.model_dir, "give the folder for the model")
        self._one_of("epochs", "steps", _DEFAULT_EPOCHS)
        self._one_of("validate_every_epochs", "validate_every_steps", 1)
        for name in ("batch_size", "checkpoint_every_steps", "worker_timeout_seconds"):
            check_between(f"training.{name}", getattr(self, name), 1)
        check_between("training.seed", self.seed, 0, 2**31 - 1)
        for name in ("knn_images_per_class", "patience", "not_learning_steps"):
            check_between(f"training.{name}", getattr(self, name), 0)
        if self.best_metric == "validation_knn_gap" and self.knn == "off":
            refuse("training.best_metric", self.best_metric, "training.knn is off; set it to best or top3")

    def _one_of(self, epochs_name: str, steps_name: str, default_epochs: int) -> None:
        """A duration is given in epochs or in steps; fills in the default where it is not given at all."""
        epochs, steps = getattr(self, epochs_name), getattr(self, steps_name)
        if epochs is not None and steps is not None:
            rule = f"training.{steps_name} is {steps}; give one of the two and set the other to null"
            refuse(f"training.{epochs_name}", epochs, rule)
        if epochs is None and steps is None:
            object.__setattr__(self, epochs_name, default_epochs)
        for name in (epochs_name, steps_name):
            if getattr(self, name) is not None:
                check_between(f"training.{name}", getattr(self, name), 1)

"""The inner loop: one training step on every replica."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import orbit
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.losses.build import TrainingLoss
from tfland.models.inception import AUXILIARY_WEIGHT
from tfland.training.averaging import WeightAverage
from tfland.training.gradients import micro_batch, prepare_gradients, sum_over_replicas
from tfland.training.layer_groups import backbone_layers, frozen
from tfland.training.loss_scale import LossScale
from tfland.training.nonfinite import first_bad_place
from tfland.training.objective import Batch, Objective
from tfland.training.optimizers import LayerOptimizer, build_optimizer
from tfland.training.waiting import timed_next

# What `Trainer.totals` sums over the examples since the epoch began.
LOSS, CORRECT, EXAMPLES = range(3)


class Trainer(orbit.StandardTrainer):
    """Trains one network; orbit runs the steps in a loop inside TensorFlow.

    The step counter is the optimizer's own (`optimizer.iterations`). The loss is the mean over the global batch: each
    replica's sum is divided by the size of the whole batch, and gradients are summed over micro-batches and replicas.
    A step whose gradients are not finite, on whichever replica, changes no weight on any; it is counted like any other.
    With float16 the loss scale is lowered then. Without a scale, or where it cannot be lowered, and after a loss that
    is not finite, no later step changes a weight either: `bad_step` can be looked into with the weights that it met.

    Args:
        network: takes images [B, S, S, 3] float32, puts out {"logits": [B, C]} and, if it has an auxiliary
            classifier, "auxiliary_logits" [B, C], whose loss counts for the gradients and not for the totals.
        loss: losses and weights of examples.
        schedule: step -> learning rate.
        config: the experiment.
        strategy: where the network's variables were made.
        steps_per_epoch: may be a fraction, since batches may span two epochs.

    Attributes:
        totals: [3] float64 variable: summed loss, right predictions and examples since it was last set to 0.
        bad_step: int64 variable: the first step that could not be done, or -1.
        waited_seconds: float64 variable: how long this process has waited for batches.
        optimizer: the optimizer.
        average: the moving average of the weights, or None.
        loss_scale: for float16, or None.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: TrainingLoss,
        schedule: Any,
        config: ExperimentConfig,
        strategy: tf.distribute.Strategy,
        steps_per_epoch: float = math.inf,
    ) -> None:
        # The data set comes later (`train_dataset`): it begins at the step that a checkpoint restores.
        super().__init__(train_dataset=None)
        _check(config, strategy.num_replicas_in_sync)
        self._network, self._config, self._strategy = network, config, strategy
        self._objective, self._steps_per_epoch = Objective(loss, config.training.batch_size), steps_per_epoch
        settings = config.optimizer
        self._variables = list(network.trainable_variables)
        grouped = settings.backbone_rate != 1 or settings.freeze_backbone_epochs
        self._backbone = backbone_layers(network) if grouped else []
        backbone = [variable for layer in self._backbone for variable in layer.trainable_variables]
        self._freeze_steps = (
            math.ceil(settings.freeze_backbone_epochs * steps_per_epoch) if settings.freeze_backbone_epochs else 0
        )
        members = {id(variable) for variable in backbone}
        self._head = [variable for variable in self._variables if id(variable) not in members]
        with strategy.scope():
            self.optimizer: LayerOptimizer = build_optimizer(
                settings, schedule, self._variables, backbone, self._freeze_steps
            )
            self.average = WeightAverage(network, settings.average_decay) if settings.average_decay else None
            self.loss_scale = LossScale() if config.training.precision == "float16" else None
            self._accumulators = _accumulators(self._variables) if settings.accumulation_steps > 1 else {}
        self.totals = tf.Variable(tf.zeros([3], tf.float64), trainable=False)
        self.bad_step = tf.Variable(-1, dtype=tf.int64, trainable=False)
        self.waited_seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._step = tf.function(self._any_step, jit_compile=True) if config.training.jit_compile else self._any_step

    @property
    def step(self) -> int:
        """Steps that are done."""
        return int(self.optimizer.iterations.numpy())

    @property
    def state(self) -> dict[str, Any]:
        """What the next step depends on besides network and optimizer, and the sums of this epoch: for a checkpoint.

        The sums of micro-batches are not among it: they begin at 0 in each step.
        """
        state: dict[str, Any] = {"totals": self.totals}
        if self.average is not None:
            state["average"] = self.average.variables
        if self.loss_scale is not None:
            state["loss_scale"] = [self.loss_scale.scale, self.loss_scale.good_steps]
        return state

    def explain(self, batch: Batch) -> str:
        """Says where the numbers of `bad_step` first were not finite.

        Args:
            batch: that step's, of all replicas.
        """
        parts = self._strategy.num_replicas_in_sync * self._config.optimizer.accumulation_steps
        return first_bad_place(self._network, self._objective, batch, parts)

    def train_step(self, iterator: Any) -> None:
        """One step on every replica; traced once."""
        # A copy: a cast to the type that it has already would hand on the variable, to be read after the step.
        step = tf.identity(tf.cast(self.optimizer.iterations.value, tf.int64))
        sums, failed = self._step(timed_next(iterator, self.waited_seconds))
        self.totals.assign_add(tf.cast(sums, tf.float64))
        is_first_bad = tf.logical_and(self.bad_step < 0, failed)
        self.bad_step.assign(tf.where(is_first_bad, step, self.bad_step))

    @contextmanager
    def judged_weights(self) -> Iterator[None]:
        """Inside, the network holds what is evaluated and saved: the moving average, where there is one."""
        with self.average.in_use() if self.average is not None else nullcontext():
            yield

    def _any_step(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """The step with or without the backbone, as its number wants it."""
        if not self._freeze_steps:
            return self._one_step(batch, self._variables)
        return tf.cond(
            self.optimizer.iterations.value < self._freeze_steps,
            lambda: self._frozen_step(batch),
            lambda: self._one_step(batch, self._variables),
        )

    def _frozen_step(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        # Around all replicas: their threads take turns while they trace, so none may put the layers back for itself.
        with frozen(self._backbone):
            return self._one_step(batch, self._head)

    def _one_step(self, batch: Batch, variables: Sequence[keras.Variable]) -> tuple[tf.Tensor, tf.Tensor]:
        """One step in the cross-replica context.

        Returns:
            [3] float32 as in `totals`, and scalar bool, whether it failed in a way that ends the run.
        """
        gradients, norms, sums = self._gradients(batch, variables)
        finite, sound = tf.math.is_finite(self._sum(norms)), tf.math.is_finite(sums[LOSS])
        failed = tf.logical_not(tf.logical_and(finite, sound))
        if self.loss_scale is not None:
            hopeless = tf.logical_or(tf.logical_not(sound), self.loss_scale.is_lowest())
            ends = tf.logical_and(failed, hopeless)
            self.loss_scale.update(finite)
        else:
            ends = failed
        tf.cond(
            tf.logical_or(failed, self.bad_step >= 0),
            lambda: self._skip(variables),
            lambda: self._update(gradients, variables),
        )
        return sums, ends

    def _gradients(self, batch: Batch, variables: Sequence[keras.Variable]) -> tuple[Any, Any, tf.Tensor]:
        """Gradients ready for the optimizer and their norm on each replica; the sums of the global batch."""
        epoch = tf.cast(self.optimizer.iterations.value, tf.float32) / self._steps_per_epoch
        weights = tf.ones([])
        if self._objective.needs_weight_sum:
            weights = self._sum(self._strategy.run(lambda *parts: self._objective.weight_sum(parts, epoch), args=batch))

        def differentiate(parts: Batch) -> tuple[list[tf.Tensor], tf.Tensor]:
            return self._differentiate(parts, variables, epoch, weights)

        if not self._accumulators:
            gradients, sums = self._strategy.run(lambda *parts: differentiate(parts), args=batch)
            return *self._finish(gradients, variables), self._sum(sums)
        accumulators = [self._accumulators[id(variable)] for variable in variables]
        self._strategy.run(lambda: [accumulator.assign(tf.zeros_like(accumulator)) for accumulator in accumulators])
        count = self._config.optimizer.accumulation_steps

        def add(number: tf.Tensor, *parts: tf.Tensor) -> tf.Tensor:
            gradients, sums = differentiate(micro_batch(parts, count, number))
            for accumulator, gradient in zip(accumulators, gradients, strict=True):
                accumulator.assign_add(gradient)
            return sums

        def body(number: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return number + 1, sums + self._sum(self._strategy.run(add, args=(number, *batch)))

        # One after the other: two at once would need the memory that this is to save.
        start = (tf.constant(0), tf.zeros([3]))
        _, sums = tf.while_loop(lambda number, _: number < count, body, start, parallel_iterations=1)
        gradients = self._strategy.run(lambda: [tf.convert_to_tensor(accumulator) for accumulator in accumulators])
        return *self._finish(gradients, variables), sums

    def _differentiate(
        self, batch: Batch, variables: Sequence[keras.Variable], epoch: tf.Tensor, weight_sum: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """This replica's share of the gradients, times the loss scale, and its sums as in `totals`."""
        with tf.GradientTape() as tape:
            outputs = self._network(tf.cast(batch[0], tf.float32), training=True)
            summed_loss, correct, examples = self._objective.sums(batch, outputs["logits"], epoch, weight_sum)
            loss = summed_loss / self._config.training.batch_size
            if "auxiliary_logits" in outputs:
                beside = self._objective.sums(batch, outputs["auxiliary_logits"], epoch, weight_sum)[0]
                loss += AUXILIARY_WEIGHT * beside / self._config.training.batch_size
            if self.loss_scale is not None:
                loss = loss * self.loss_scale.scale
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        return gradients, tf.stack([summed_loss, correct, examples])

    def _finish(self, gradients: Any, variables: Sequence[keras.Variable]) -> tuple[Any, Any]:
        """Each replica's gradients -> those of the global batch for the optimizer, and their norm, on every replica."""
        scale = None if self.loss_scale is None else self.loss_scale.scale

        def finish(gradients: list[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
            return prepare_gradients(sum_over_replicas(gradients), variables, self._config.optimizer, scale)

        prepared, norms = self._strategy.run(finish, args=(gradients,))
        return prepared, norms

    def _sum(self, per_replica: Any) -> tf.Tensor:
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)

    def _update(self, gradients: Any, variables: Sequence[keras.Variable]) -> tf.Tensor:
        step = tf.identity(self.optimizer.iterations.value)
        self._strategy.run(lambda gradients: self.optimizer.apply(gradients, variables), args=(gradients,))
        if self.average is not None:
            self.average.update(step, self._strategy)
        return tf.constant(True)

    def _skip(self, variables: Sequence[keras.Variable]) -> tf.Tensor:
        self.optimizer.skip(variables)
        return tf.constant(False)


def _accumulators(variables: Sequence[keras.Variable]) -> dict[int, tf.Variable]:
    """A sum for each variable's gradients, on each replica its own."""
    return {
        id(variable): tf.Variable(
            tf.zeros(variable.shape),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.SUM,
        )
        for variable in variables
    }


def _check(config: ExperimentConfig, num_replicas: int) -> None:
    training, count = config.training, config.optimizer.accumulation_steps
    if training.batch_size % (num_replicas * count):
        raise ValueError(
            f"training.batch_size is {training.batch_size}; it must be a multiple of {num_replicas} replicas times "
            f"optimizer.accumulation_steps ({count})"
        )
    if training.jit_compile and num_replicas > 1:
        raise ValueError(
            f"training.jit_compile is true with {num_replicas} replicas; a compiled step cannot reach the variables of "
            "several devices, so set it to false or training.strategy to one_device"
        )

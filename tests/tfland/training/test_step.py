"""What a step does in all its forms: micro-batches, mixing, weights, freezing, averaging, half precision, XLA."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import ExperimentConfig, LossConfig
from tfland.losses.build import TrainingLoss, build_loss
from tfland.training.trainer import LOSS, Trainer

MakeConfig = Callable[..., ExperimentConfig]
IMAGES = np.random.default_rng(0).integers(0, 255, (12, 8, 8, 3), np.uint8)
LABELS = np.arange(12, dtype=np.int32) % 3
COUNTS = [5, 2, 1]


@contextmanager
def policy(name: str) -> Iterator[None]:
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def network(*, normalised: bool) -> keras.Model:
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(keras.layers.Rescaling(1 / 255)(image))
    if normalised:
        x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(keras.layers.ReLU(name="relu")(x))
    logits = keras.layers.Dense(3, dtype="float32", name="logits")(x)
    return keras.Model(image, {"embedding": x, "logits": logits})


def trained(
    config: ExperimentConfig,
    *,
    steps: int = 2,
    batch: tuple[Any, ...] = (IMAGES, LABELS),
    loss: TrainingLoss | None = None,
    normalised: bool = False,
) -> Trainer:
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    with strategy.scope():
        model = network(normalised=normalised)
    loss = loss or build_loss(LossConfig(), COUNTS)
    trainer = Trainer(model, loss, 0.1, config, strategy, steps_per_epoch=2.0)
    options = tf.data.Options()
    # Closing an autotuned iterator can take a minute (see tfland.data.pipeline).
    options.autotune.enabled = False
    trainer.train_dataset = tf.data.Dataset.from_tensors(batch).repeat(steps).with_options(options)
    trainer.train(tf.constant(steps))
    trainer.model = model  # for the tests alone
    return trainer


@pytest.fixture
def config(make_config: MakeConfig) -> Callable[..., ExperimentConfig]:
    """An experiment of batches of 12, with its optimizer and training settings."""

    def make(training: dict[str, Any] | None = None, **optimizer: Any) -> ExperimentConfig:
        return make_config(Path("s"), optimizer=optimizer, training={"batch_size": 12, **(training or {})})

    return make


def assert_same_weights(first: Trainer, second: Trainer) -> None:
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", [{"clip_norm": 0.05, "weight_decay": 0.1}, {"name": "adamw", "nesterov": False}])
def test_micro_batches_are_one_batch(config: Any, settings: dict[str, Any]) -> None:
    """Same loss, decay and clipping, also where the loss is divided by the weights of the whole batch."""
    loss = build_loss(LossConfig(class_weights="log"), COUNTS)
    whole, parts = (trained(config(**settings, accumulation_steps=count), loss=loss) for count in (1, 3))
    assert_same_weights(whole, parts)
    np.testing.assert_allclose(parts.totals.numpy(), whole.totals.numpy(), rtol=1e-6)


def test_the_loss_of_weighted_examples_is_their_weighted_mean(config: Any) -> None:
    weights = np.array([1 / np.log(1 + count) for count in COUNTS])
    for normalisation in ("batch", "global"):
        loss = build_loss(LossConfig(class_weights="log", class_weights_normalisation=normalisation), COUNTS)
        trainer = trained(config(), steps=1, loss=loss)
        logits = network(normalised=False)(IMAGES)["logits"].numpy()
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(12), LABELS]
        scaled = weights / (np.dot(weights, COUNTS) / sum(COUNTS))
        total = weights[LABELS].sum() if normalisation == "batch" else 12
        used = weights if normalisation == "batch" else scaled
        assert trainer.totals.numpy()[LOSS] / 12 == pytest.approx((used[LABELS] * losses).sum() / total, rel=1e-5)


def test_deferred_weights_begin_with_their_epoch(config: Any) -> None:
    """Two steps an epoch: the first two are those without weights, the third is not."""
    late = build_loss(LossConfig(class_weights="log", class_weights_from_epoch=1.0), COUNTS)
    assert_same_weights(trained(config(), loss=late), trained(config()))
    with pytest.raises(AssertionError):
        assert_same_weights(trained(config(), loss=late, steps=3), trained(config(), steps=3))


def test_a_mixed_example_counts_for_both_its_classes(config: Any) -> None:
    """All shares on one class are that class; halves of two give the mean of both losses."""
    labels = np.stack([LABELS, (LABELS + 1) % 3], axis=1)
    pure = np.tile(np.array([[1.0, 0.0]], np.float32), (12, 1))
    assert_same_weights(trained(config(), batch=(IMAGES, labels, pure)), trained(config()))
    halves = trained(config(), steps=1, batch=(IMAGES, labels, np.full((12, 2), 0.5, np.float32))).totals.numpy()
    both = sum(trained(config(), steps=1, batch=(IMAGES, labels[:, i])).totals.numpy() for i in (0, 1))
    np.testing.assert_allclose(halves, both / 2, rtol=1e-6)


def test_a_frozen_backbone_keeps_weights_and_statistics(config: Any) -> None:
    start = dict(_weights(network(normalised=True)))
    still = dict(_weights(trained(config(freeze_backbone_epochs=1.5), steps=3, normalised=True).model))
    moved = dict(_weights(trained(config(freeze_backbone_epochs=1.5), steps=4, normalised=True).model))
    for name, value in start.items():
        in_head = name.startswith("logits")
        assert (still[name] == value).all() == (not in_head), name
        # A bias before batch normalisation has no gradient worth the name.
        assert (moved[name] == value).all() == (name == "conv/bias" and not in_head) or name == "conv/bias", name


def test_the_backbone_can_be_slower(config: Any) -> None:
    settings = {"name": "sgd", "momentum": 0.0, "weight_decay": 0.0}
    start, usual, slow = (
        dict(_weights(model))
        for model in (
            network(normalised=False),
            trained(config(**settings), steps=1).model,
            trained(config(**settings, backbone_rate=0.1), steps=1).model,
        )
    )
    for name, share in (("conv/kernel", 0.1), ("logits/kernel", 1.0)):
        np.testing.assert_allclose(slow[name] - start[name], share * (usual[name] - start[name]), rtol=1e-3, atol=1e-7)


def test_the_average_moves_with_every_step(config: Any) -> None:
    """d is 1/10 and 2/11 at the first two steps."""
    settings = {"average_decay": 0.99}
    start, first = network(normalised=False).get_weights()[0], trained(config(**settings), steps=1)
    after_one = first.model.get_weights()[0]
    trainer = trained(config(**settings), steps=2)
    after_two = trainer.model.get_weights()[0]
    expected = 2 / 11 * (0.1 * start + 0.9 * after_one) + 9 / 11 * after_two
    with trainer.judged_weights():
        np.testing.assert_allclose(trainer.model.get_weights()[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(trainer.model.get_weights()[0], after_two)


def spoiled_at(step: int) -> TrainingLoss:
    """A loss whose gradient is infinite in one step, while its value is not."""

    @tf.custom_gradient
    def spoil(logits: tf.Tensor, counter: tf.Tensor) -> Any:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
            return tf.where(counter == step, np.inf, 1.0) * upstream, None

        return tf.identity(logits), gradient

    counter = tf.Variable(-1, trainable=False)
    plain = build_loss(LossConfig(), COUNTS)
    return TrainingLoss(lambda labels, logits: plain(labels, spoil(logits, counter.assign_add(1))))


def test_float16_skips_a_step_that_is_not_finite_and_goes_on(config: Any) -> None:
    training = {"precision": "float16"}
    with policy("mixed_float16"):
        before = trained(config(training), steps=1, loss=spoiled_at(1))
        skipped = trained(config(training), steps=2, loss=spoiled_at(1))
        after = trained(config(training), steps=3, loss=spoiled_at(1))
    assert_same_weights(before, skipped)
    assert [float(t.loss_scale.scale) for t in (before, skipped, after)] == [2.0**15, 2.0**14, 2.0**14]
    assert [t.step for t in (before, skipped, after)] == [1, 2, 3]
    assert after.bad_step.numpy() == -1
    assert not np.array_equal(after.model.get_weights()[0], skipped.model.get_weights()[0])


def test_float32_stops_at_a_step_that_is_not_finite(config: Any) -> None:
    """The weights stay those that the step met, however many steps come after it."""
    before, after = (trained(config(average_decay=0.9), steps=steps, loss=spoiled_at(1)) for steps in (1, 4))
    assert after.bad_step.numpy() == 1
    assert after.step == 4
    assert_same_weights(before, after)
    np.testing.assert_array_equal(before.average.variables[0].numpy(), after.average.variables[0].numpy())


def test_float16_and_float32_learn_alike(config: Any) -> None:
    whole = trained(config(), steps=5)
    with policy("mixed_float16"):
        half = trained(config({"precision": "float16"}), steps=5)
    assert half.bad_step.numpy() == -1
    np.testing.assert_allclose(half.totals.numpy()[LOSS], whole.totals.numpy()[LOSS], rtol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_step_compiles_with_static_shapes(config: Any, precision: str) -> None:
    """What a TPU needs. With every part of the step at once."""
    settings = {"accumulation_steps": 2, "average_decay": 0.9, "freeze_backbone_epochs": 0.5, "clip_norm": 1.0}
    with policy("float32" if precision == "float32" else f"mixed_{precision}"):
        plain, compiled = (
            trained(config({"precision": precision, "jit_compile": jit}, **settings), normalised=True)
            for jit in (False, True)
        )
    tolerance = 1e-4 if precision == "float32" else 0.02
    np.testing.assert_allclose(compiled.totals.numpy(), plain.totals.numpy(), rtol=tolerance)
    for one, other in zip(compiled.model.get_weights(), plain.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def _weights(model: keras.Model) -> Iterator[tuple[str, np.ndarray]]:
    for variable in model.variables:
        yield variable.path, variable.numpy()

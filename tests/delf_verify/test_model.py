"""DELF's model: outputs against the formula, the two training stages, round trips."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from delf_verify.model import attention_stage, build_delf, descriptor_stage, extraction_model


def tiny_trunk() -> keras.Model:
    x = image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="preprocessing")(x)
    x = keras.layers.ZeroPadding2D(1, name="pad")(x)
    x = keras.layers.Conv2D(6, 3, strides=4, name="conv")(x)
    x = keras.layers.BatchNormalization(momentum=0.5, name="bn")(x)
    return keras.Model(image, keras.layers.Activation("relu", name="conv4")(x), name="tiny")


def images(size: int = 24) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, size, size, 3)).astype(np.uint8)


@pytest.fixture
def delf() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_delf(tiny_trunk(), num_classes=4)


def test_shapes(delf: keras.Model) -> None:
    shapes = {name: tuple(value.shape) for name, value in delf(images()).items()}
    assert shapes == {
        "descriptors": (3, 6, 6, 6),
        "attention": (3, 6, 6, 1),
        "descriptor_embedding": (3, 6),
        "descriptor_logits": (3, 4),
        "attention_embedding": (3, 6),
        "attention_logits": (3, 4),
    }


def test_outputs_follow_the_formulas(delf: keras.Model) -> None:
    outputs = {name: np.asarray(value, dtype=np.float64) for name, value in delf(images()).items()}
    descriptors = outputs["descriptors"]
    np.testing.assert_allclose(outputs["descriptor_embedding"], descriptors.mean((1, 2)), rtol=1e-5, atol=1e-6)
    hidden_kernel, hidden_bias = delf.get_layer("attention_hidden").get_weights()
    score_kernel, score_bias = delf.get_layer("attention_score").get_weights()
    assert hidden_kernel.shape == (1, 1, 6, 512)
    hidden = np.maximum(descriptors @ hidden_kernel[0, 0] + hidden_bias, 0)
    attention = np.log1p(np.exp(hidden @ score_kernel[0, 0] + score_bias))
    np.testing.assert_allclose(outputs["attention"], attention, rtol=1e-4)
    weighted = np.zeros((3, 6))
    for y in range(6):
        for x in range(6):
            weighted += attention[:, y, x] * descriptors[:, y, x]
    np.testing.assert_allclose(outputs["attention_embedding"], weighted / 36, rtol=1e-4, atol=1e-6)
    kernel, bias = delf.get_layer("attention_logits").get_weights()
    np.testing.assert_allclose(outputs["attention_logits"], weighted / 36 @ kernel + bias, rtol=1e-3, atol=1e-5)


def train_step(model: keras.Model) -> None:
    with tf.GradientTape() as tape:
        logits = model(images(), training=True)["logits"]
        loss = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(np.arange(3), logits, from_logits=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    keras.optimizers.SGD(0.5).apply(gradients, model.trainable_variables)


def changed_layers(model: keras.Model, before: dict[str, list[np.ndarray]]) -> set[str]:
    return {
        layer.name
        for layer in model.layers
        if any((a != b).any() for a, b in zip(layer.get_weights(), before[layer.name], strict=True))
    }


def test_stage_1_trains_the_trunk_alone(delf: keras.Model) -> None:
    before = {layer.name: layer.get_weights() for layer in delf.layers}
    stage = descriptor_stage(delf)
    assert set(stage.output) == {"embedding", "logits"}
    train_step(stage)
    assert changed_layers(delf, before) == {"conv", "bn", "descriptor_logits"}


def test_stage_2_leaves_trunk_and_statistics_untouched(delf: keras.Model) -> None:
    before = {layer.name: layer.get_weights() for layer in delf.layers}
    stage = attention_stage(delf)
    # Two steps: the hidden layer learns nothing before the score, which starts at zero, has moved.
    train_step(stage)
    train_step(stage)
    assert changed_layers(delf, before) == {"attention_hidden", "attention_score", "attention_logits"}
    # Batch normalisation in inference mode: training and inference see the same descriptors.
    for training in (True, False):
        np.testing.assert_array_equal(
            np.asarray(delf(images(), training=training)["descriptors"]), np.asarray(delf(images())["descriptors"])
        )


def test_stage_2_starts_where_stage_1_ended(delf: keras.Model) -> None:
    """Equal attention softplus(0) = ln 2 everywhere, and the classifier of stage 1: no reason to give attention up."""
    classifier = [weight + 0.5 for weight in delf.get_layer("descriptor_logits").get_weights()]
    delf.get_layer("descriptor_logits").set_weights(classifier)
    attention_stage(delf)
    outputs = delf(images())
    np.testing.assert_allclose(np.asarray(outputs["attention"]), np.log(2), rtol=1e-6)
    kernel, bias = classifier
    expected = np.log(2) * np.asarray(outputs["descriptor_embedding"]) @ kernel + bias
    np.testing.assert_allclose(np.asarray(outputs["attention_logits"]), expected, rtol=1e-4, atol=1e-5)


def test_a_saved_stage_2_stays_frozen_and_yields_the_extractor(delf: keras.Model, tmp_path: Path) -> None:
    stage = attention_stage(delf)
    stage.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [v.path for v in loaded.trainable_variables] == [v.path for v in stage.trainable_variables]
    extraction = extraction_model(loaded)
    for name in ("descriptors", "attention"):
        np.testing.assert_array_equal(np.asarray(extraction(images())[name]), np.asarray(delf(images())[name]))
    extraction.save(tmp_path / "extraction.keras")
    again = keras.models.load_model(tmp_path / "extraction.keras")
    for name, value in extraction(images(40)).items():
        np.testing.assert_array_equal(np.asarray(again(images(40))[name]), np.asarray(value))


def test_outputs_are_float32_under_a_mixed_policy() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        outputs = build_delf(tiny_trunk(), num_classes=4)(images())
    finally:
        keras.config.set_dtype_policy("float32")
    assert {keras.backend.standardize_dtype(value.dtype) for value in outputs.values()} == {"float32"}


def test_refuses_a_trunk_without_a_map() -> None:
    vector = keras.Input((3,))
    model = keras.Model(vector, keras.layers.Dense(2)(vector), name="flat")
    with pytest.raises(ValueError, match="trunk 'flat' must put out one feature map"):
        build_delf(model, 4)


def test_refuses_one_class() -> None:
    with pytest.raises(ValueError, match="num_classes is 1; DELF is trained by classification"):
        build_delf(tiny_trunk(), 1)


def test_refuses_a_model_without_attention(delf: keras.Model) -> None:
    with pytest.raises(ValueError, match=r"has no layer 'attention'; give a DELF model after its attention stage"):
        extraction_model(descriptor_stage(delf))

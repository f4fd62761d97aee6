"""SE-ResNeXt and Res2Net as Keras models: one graph that is copied, saved, trained (test_timm_weights.py: sums)."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.models.batch_norm import synchronize_batch_norm
from tfland.models.residual import Branch, res2net_branch, residual_network, se_resnext_branch

ROOT = Path(__file__).parents[3]
BRANCHES = pytest.mark.parametrize("branch", [se_resnext_branch, res2net_branch], ids=["seresnext", "res2net"])
# Two blocks in one stage: the first of a stage is another.
DEPTHS = (1, 2, 1, 1)


def pixels() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 32, 40, 3)).astype(np.float32)


def randomised(model: keras.Model) -> keras.Model:
    """Without zeros: a block starts as the identity."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.0, w.shape) for w in layer.get_weights()])
    return model


@BRANCHES
def test_structure(branch: Branch) -> None:
    model = residual_network(branch, DEPTHS)
    assert model.compute_output_shape((2, 224, 160, 3)) == (2, 7, 5, 2048)
    last = [layer for layer in model.layers if layer.name.endswith("bn3")]
    assert len(last) == sum(DEPTHS)
    assert all(not np.any(layer.gamma) for layer in last)
    names = [layer.name for layer in model.layers]
    assert names.count("layer2_0_downsample_0") == 1
    assert "layer2_1_downsample_0" not in names


def test_groups_of_res2net_see_each_other_but_in_the_first_block_of_a_stage() -> None:
    names = [layer.name for layer in residual_network(res2net_branch, DEPTHS).layers]
    assert [name for name in names if "_sums_" in name] == ["layer2_1_sums_1", "layer2_1_sums_2"]
    assert [name for name in names if name.endswith("_pool")] == [f"layer{stage}_0_pool" for stage in (1, 2, 3, 4)]


@BRANCHES
def test_synchronised_it_is_the_same_graph(branch: Branch) -> None:
    model = residual_network(branch, (1, 1, 1, 1))
    synchronised = synchronize_batch_norm(model)
    assert [each.name for each in synchronised.operations][1:] == [each.name for each in model.operations][1:]
    norms = [layer for layer in synchronised.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert all(layer.synchronized for layer in norms)


@pytest.mark.slow
def test_is_saved_and_the_same_on_jax(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="the JAX backend is not installed")
    image = keras.Input((None, None, 3))
    networks = [randomised(residual_network(branch, (1, 1, 1, 1))) for branch in (se_resnext_branch, res2net_branch)]
    model = keras.Model(image, [network(image) for network in networks])
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "pixels.npy", pixels())
    expected = np.stack([np.asarray(network(pixels())) for network in networks])
    program = """
import sys
import keras, numpy as np
assert keras.backend.backend() == "jax"
folder = sys.argv[1]
np.save(folder + "/on_jax.npy", keras.models.load_model(folder + "/model.keras")(np.load(folder + "/pixels.npy")))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    settings = {"env": {**os.environ, "KERAS_BACKEND": "jax"}, "cwd": ROOT, "capture_output": True, "text": True}
    result = subprocess.run(command, check=False, timeout=300, **settings)
    assert result.returncode == 0, result.stderr[-3000:]
    for ours, theirs in zip(np.load(tmp_path / "on_jax.npy"), expected, strict=True):
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


@pytest.mark.slow
@BRANCHES
def test_trains_in_bfloat16(branch: Branch) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = randomised(residual_network(branch, (1, 1, 1, 1)))
    finally:
        keras.config.set_dtype_policy("float32")

    @tf.function
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.cast(model(pixels(), training=True), tf.float32) ** 2)
        return tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    for gradient in gradients():
        assert gradient is not None
        assert np.isfinite(gradient).all()
    assert model.output.dtype == "bfloat16"

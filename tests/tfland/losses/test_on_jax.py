"""Every loss, its gradient, its weights, and the pooling on the JAX backend: the same numbers as on TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfland.losses.build import build_loss
from tfland.models.heads import CosineHead
from tfland.models.pooling import GeMPooling

ROOT = Path(__file__).resolve().parents[3]

# Run on both backends; `gradient` is the backend's own.
PROGRAM = """
from tfland.config import LossConfig

CONFIGS = [
    LossConfig(label_smoothing=0.1),
    LossConfig(focal_gamma=2.0),
    LossConfig(scale=30.0),
    LossConfig(name="arcface"),
    LossConfig(name="arcface", easy_margin=True, focal_gamma=0.5),
    LossConfig(name="arcface", class_margins="by_size", class_weights="log", class_weights_from_epoch=2.0),
    LossConfig(name="ldam", class_weights="effective_number"),
    LossConfig(name="ldam", scale=30.0, label_smoothing=0.1),
]
COUNTS = [6272, 2, 17, 120, 6]
LABELS = np.array([0, 1, 4, 2, 3, 1])


def compute(gradient):
    rng = np.random.default_rng(0)
    cosines = np.concatenate([rng.uniform(-1, 1, (4, 5)), np.ones((1, 5)), -np.ones((1, 5))]).astype("float32")
    results = {}
    for number, config in enumerate(CONFIGS):
        loss = build_loss(config, COUNTS)
        results[f"loss{number}"] = np.asarray(loss(LABELS, cosines))
        results[f"gradient{number}"] = np.asarray(gradient(lambda c, loss=loss: loss(LABELS, c), cosines))
        weights = loss.example_weights(LABELS, 3.0)
        if weights is not None:
            results[f"weights{number}"] = np.asarray(weights)
    features = rng.gamma(1.0, 2.0, (2, 3, 4, 6)).astype("float32")
    pooling, head = GeMPooling(3.0, per_channel=True), CosineHead(5)
    for layer, shape in ((pooling, (None, 3, 4, 6)), (head, (None, 6))):
        layer.build(shape)
    pooling.p.assign([1.0, 2.0, 3.0, 4.0, 5.0, 60.0])
    head.kernel.assign(rng.normal(size=(6, 5)))
    results["cosines"] = np.asarray(head(pooling(features)))
    results["through"] = np.asarray(gradient(lambda x: head(pooling(x)), features))
    return results
"""
ON_JAX = """
import sys
import jax
import keras
import numpy as np
from tfland.losses.build import build_loss
from tfland.models.heads import CosineHead
from tfland.models.pooling import GeMPooling
assert keras.backend.backend() == "jax"
exec(sys.argv[1])
np.savez(sys.argv[2], **compute(lambda function, x: jax.grad(lambda y: function(y).sum())(x)))
"""


def on_tensorflow() -> dict[str, np.ndarray]:
    def gradient(function, x):
        values = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = tf.reduce_sum(function(values))
        return tape.gradient(total, values)

    names = {"np": np, "build_loss": build_loss, "CosineHead": CosineHead, "GeMPooling": GeMPooling}
    exec(PROGRAM, names)  # noqa: S102 - the text above
    return names["compute"](gradient)


@pytest.mark.slow
def test_every_loss_gives_the_same_numbers_on_jax(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="the JAX backend is not installed")
    command = [sys.executable, "-c", ON_JAX, PROGRAM, str(tmp_path / "jax.npz")]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    settings = {"env": environment, "cwd": ROOT, "capture_output": True, "text": True, "timeout": 300}
    result = subprocess.run(command, check=False, **settings)
    assert result.returncode == 0, result.stderr[-3000:]
    expected = on_tensorflow()
    found = np.load(tmp_path / "jax.npz")
    assert set(found.files) == set(expected)
    for name, value in expected.items():
        assert np.isfinite(found[name]).all(), name
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-4, err_msg=name)

"""Losses by configuration, and the probabilities that belong to them."""

import numpy as np
import pytest

from tfland.config import LossConfig
from tfland.losses import arcface, build_loss, cross_entropy, probabilities

LABELS = np.array([1, 0])
COSINES = np.array([[0.5, -0.2, 0.1], [0.9, 0.8, -1.0]], np.float32)


def test_softmax_takes_its_smoothing() -> None:
    loss = build_loss(LossConfig(name="softmax", label_smoothing=0.1), [5, 2, 9])
    np.testing.assert_allclose(np.asarray(loss(LABELS, COSINES)), np.asarray(cross_entropy(LABELS, COSINES, 0.1)))


def test_arcface_takes_its_scale_and_margin() -> None:
    loss = build_loss(LossConfig(name="arcface", scale=20.0, margin=0.4), [5, 2, 9])
    expected = arcface(LABELS, COSINES, scale=20.0, margin=0.4)
    np.testing.assert_allclose(np.asarray(loss(LABELS, COSINES)), np.asarray(expected))


def test_one_loss_for_each_example() -> None:
    for name in ("softmax", "arcface"):
        assert np.asarray(build_loss(LossConfig(name=name), [1, 1, 1])(LABELS, COSINES)).shape == (2,)


def test_warns_of_classes_without_photographs(caplog: pytest.LogCaptureFixture) -> None:
    build_loss(LossConfig(), [3, 1, 2])
    assert not caplog.text
    build_loss(LossConfig(), [3, 0, 0])
    assert "2 of 3 classes have no training photographs (first: class 1)" in caplog.text


def test_probabilities_use_the_scale_of_the_loss() -> None:
    for name in ("arcface", "softmax", "ldam"):
        found = np.asarray(probabilities(LossConfig(name=name, scale=10.0), COSINES))
        weights = np.exp(10.0 * COSINES)
        np.testing.assert_allclose(found, weights / weights.sum(1, keepdims=True), rtol=1e-5)
    plain = np.asarray(probabilities(LossConfig(name="softmax"), COSINES))
    np.testing.assert_allclose(plain, np.exp(COSINES) / np.exp(COSINES).sum(1, keepdims=True), rtol=1e-5)

"""Loading what fits from another model."""

import logging
from pathlib import Path

import keras
import numpy as np
import pytest

from tfland.models.weights import copy_matching_weights, load_matching_weights


def network(widths: tuple[int, ...] = (4, 3), prefix: str = "dense") -> keras.Model:
    x = image = keras.Input((5,), name="image")
    for number, width in enumerate(widths):
        x = keras.layers.Dense(width, name=f"{prefix}{number}", bias_initializer="glorot_normal")(x)
    return keras.Model(image, x, name="network")


def test_copies_what_fits_and_leaves_the_rest() -> None:
    source, target = network((4, 3)), network((4, 9))
    before = target.get_layer("dense1").get_weights()[0]
    assert copy_matching_weights(source, target) == 1
    copied, expected = (model.get_layer("dense0").get_weights()[0] for model in (target, source))
    np.testing.assert_array_equal(copied, expected)
    np.testing.assert_array_equal(target.get_layer("dense1").get_weights()[0], before)


def test_says_how_many_layers_were_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    network((4, 3)).save(tmp_path / "model.keras")
    with caplog.at_level(logging.INFO):
        assert load_matching_weights(network((4, 9)), tmp_path) == 1
    assert "loaded 1 of 2 layers into network" in caplog.text


@pytest.mark.parametrize("other", [{"prefix": "conv"}, {"widths": (4, 6, 6, 6)}], ids=["names", "few"])
def test_refuses_another_network(tmp_path: Path, other: dict) -> None:
    network(**other).save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match=r"a\.keras: only [01] of 4 layers fit 'network' by name and shape"):
        load_matching_weights(network((4, 3, 3, 3)), tmp_path / "a.keras")


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_refuses_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.keras is not a \.keras file"):
        load_matching_weights(network(), tmp_path / "a.keras")


def test_refuses_a_truncated_file(tmp_path: Path) -> None:
    network().save(tmp_path / "a.keras")
    content = (tmp_path / "a.keras").read_bytes()
    (tmp_path / "a.keras").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"is not a \.keras file"):
        load_matching_weights(network(), tmp_path / "a.keras")


def test_refuses_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file .*model\.keras"):
        load_matching_weights(network(), tmp_path)

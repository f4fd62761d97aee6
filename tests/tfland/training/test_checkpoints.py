"""Checkpoints keep every variable, survive damage and stay with their configuration."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import DataConfig, ExperimentConfig, TrainingConfig
from tfland.training.checkpoints import Checkpoints, check_fingerprint, claim_folder, fingerprint
from tfrecords_builder.terminal import CheckFailed


class Parts:
    """A network with dropout, its optimizer, a counter, and their checkpoints."""

    def __init__(self, folder: Path) -> None:
        image = keras.Input((2,))
        self.network = keras.Model(image, keras.layers.Dropout(0.5)(keras.layers.Dense(2)(image)))
        self.optimizer = keras.optimizers.Adam()
        self.optimizer.build(self.network.trainable_variables)
        self.counter = tf.Variable(0)
        self.checkpoints = Checkpoints(folder, self.network, self.optimizer, counter=self.counter)

    def work(self, step: int) -> None:
        self.network(np.ones((1, 2), np.float32), training=True)
        gradients = [tf.ones(v.shape) for v in self.network.trainable_variables]
        self.optimizer.apply(gradients, self.network.trainable_variables)
        self.counter.assign(step)

    def state(self) -> list[np.ndarray]:
        held = [*self.network.variables, *self.optimizer.variables]
        return [keras.ops.convert_to_numpy(variable) for variable in held] + [self.counter.numpy()]


def assert_equal(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_everything_comes_back(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    assert not parts.checkpoints.restore()
    parts.work(1)
    parts.checkpoints.save(1)
    other = Parts(tmp_path)
    assert other.checkpoints.restore()
    assert_equal(other.state(), parts.state())
    # The state of dropout's generator is among them, so the next masks are the same too.
    ones = np.ones((64, 2), np.float32)
    np.testing.assert_array_equal(other.network(ones, training=True), parts.network(ones, training=True))


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    for step in (1, 2, 3):
        parts.work(step)
        parts.checkpoints.save(step)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["step-2.index", "step-3.index"]


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, caplog) -> None:  # type: ignore[no-untyped-def]
    parts = Parts(tmp_path)
    parts.work(1)
    parts.checkpoints.save(1)
    before = parts.state()
    parts.work(2)
    parts.checkpoints.save(2)
    (tmp_path / "step-2.data-00000-of-00001").write_bytes(b"")
    other = Parts(tmp_path)
    with caplog.at_level("WARNING"):
        assert other.checkpoints.restore()
    assert_equal(other.state(), before)
    assert "step-2 cannot be read" in caplog.text


def test_no_readable_checkpoint_is_an_error(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.checkpoints.save(1)
    (tmp_path / "step-1.index").write_bytes(b"nonsense")
    with pytest.raises(OSError, match=r"no checkpoint in .* can be read; delete the folder to train from the start"):
        Parts(tmp_path).checkpoints.restore()


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    Parts(tmp_path).checkpoints.save(1)
    (tmp_path / "step-2_temp").mkdir()
    (tmp_path / "step-2_temp" / "part-00000-of-00001.index").write_bytes(b"x")
    (tmp_path / "step-3.index").write_bytes(b"x")
    Parts(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"checkpoint", "step-1.index", "step-1.data-00000-of-00001"}


def config(**training: object) -> ExperimentConfig:
    settings = {"model_dir": "m", **training}
    return ExperimentConfig(data=DataConfig(shards="s"), training=TrainingConfig(**settings))  # type: ignore[arg-type]


def test_a_folder_belongs_to_one_configuration(tmp_path: Path) -> None:
    check_fingerprint(tmp_path, fingerprint(config(), "a"))
    claim_folder(tmp_path, fingerprint(config(), "a"))
    check_fingerprint(tmp_path, fingerprint(config(model_dir="elsewhere", checkpoint_every_steps=3), "a"))
    with pytest.raises(ValueError, match=r"belongs to another configuration: training.seed was 0 and is now 5; give"):
        check_fingerprint(tmp_path, fingerprint(config(seed=5), "a"))
    with pytest.raises(ValueError, match=r"the shards was 'a' and is now 'b'"):
        check_fingerprint(tmp_path, fingerprint(config(), "b"))


def test_a_setting_of_another_version_is_a_difference(tmp_path: Path) -> None:
    claim_folder(tmp_path, {**fingerprint(config(), "a"), "model.retired": 1})
    with pytest.raises(ValueError, match=r"model.retired was 1 and is now None"):
        check_fingerprint(tmp_path, fingerprint(config(), "a"))


def test_a_broken_fingerprint_is_named(tmp_path: Path) -> None:
    (tmp_path / "fingerprint.json").write_text("{")
    with pytest.raises(ValueError, match=r"fingerprint.json is not JSON"):
        check_fingerprint(tmp_path, fingerprint(config(), "a"))


def test_a_weight_that_is_not_finite_is_never_written(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.work(1)
    parts.checkpoints.save(1)
    kernel = parts.network.trainable_variables[0]
    kernel.assign(np.full((2, 2), np.inf))
    with pytest.raises(CheckFailed, match=rf"after step 2 variable '{kernel.path}' is not finite; no checkpoint"):
        parts.checkpoints.save(2)
    assert [path.name for path in tmp_path.glob("*.index")] == ["step-1.index"]


def test_a_setting_that_an_earlier_version_did_not_know_had_its_default(tmp_path: Path) -> None:
    older = fingerprint(config(), "a")
    del older["training.knn"], older["training.patience"]
    claim_folder(tmp_path, older)
    check_fingerprint(tmp_path, fingerprint(config(), "a"))
    with pytest.raises(ValueError, match=r"training.knn was 'best' and is now 'off'"):
        check_fingerprint(tmp_path, fingerprint(config(knn="off"), "a"))

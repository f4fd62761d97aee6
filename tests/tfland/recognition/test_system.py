"""Parts of a system that do not belong together are refused when it is opened."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from tfland.recognition.calibration import Calibration
from tfland.recognition.classifier import Classifier, Gate
from tfland.recognition.system import System
from tfland.recognition.system_config import ClassifierConfig, GateConfig, SystemConfig

MakeModelDir = Callable[..., Path]


def of(*models: Path, **settings: object) -> SystemConfig:
    part = ClassifierConfig(models=tuple(map(str, models)))
    return SystemConfig(classifiers=[part], **settings)  # type: ignore[arg-type]


def test_an_ensemble_has_the_same_classes(make_model_dir: MakeModelDir) -> None:
    with pytest.raises(ValueError, match="have other classes; an ensemble has the same"):
        System.load(of(make_model_dir("a", [1, 2]), make_model_dir("b", [1, 3])))


def test_gates_and_classifiers_are_not_mistaken(make_model_dir: MakeModelDir) -> None:
    gate, classifier = make_model_dir("g", task="gate"), make_model_dir("a", [1, 2])
    with pytest.raises(ValueError, match="task 'gate'; predictions need task 'classify'"):
        System.load(of(gate))
    with pytest.raises(ValueError, match="task 'classify'; a gate is of task 'gate'"):
        Gate.load(classifier)


def test_the_gates_threshold(make_model_dir: MakeModelDir, tmp_path: Path) -> None:
    gate, model = make_model_dir("g", task="gate"), make_model_dir("a", [1, 2])

    def threshold(given: float | None, calibration: str | None = None) -> float:
        config = of(model, gate=GateConfig(model=str(gate), threshold=given), calibration=calibration)
        return System.load(config).threshold

    assert threshold(None) == 0.5
    (gate / "metrics.json").write_text('{"best": {"validation_threshold": 0.31}}')
    assert threshold(None) == 0.31
    system = System.load(of(model, gate=GateConfig(model=str(gate))))
    found = Calibration(system=system.fingerprint(), method="head", gate_threshold=0.77)
    path = str(found.save(tmp_path))
    assert threshold(None, path) == 0.77
    assert threshold(0.2, path) == 0.2


def test_a_calibration_of_something_else_is_refused(make_model_dir: MakeModelDir, tmp_path: Path) -> None:
    model = make_model_dir("a", [1, 2])
    fitted = Calibration(system=System.load(of(model)).fingerprint(), method="head", temperatures=(2.0,))
    config = of(model, calibration=str(fitted.save(tmp_path)))
    assert System.load(config).temperature(System.load(config).members[0]) == 2.0
    dataclasses.replace(fitted, method="knn").save(tmp_path)
    with pytest.raises(ValueError, match='fitted for method "knn", the system has "head"'):
        System.load(config)
    dataclasses.replace(fitted, system="other").save(tmp_path)
    with pytest.raises(ValueError, match="fitted for other models"):
        System.load(config)


def test_a_single_classifier_is_a_system(make_model_dir: MakeModelDir) -> None:
    folder = make_model_dir("a", [1, 2])
    system = System.of(Classifier.load(folder))
    assert system.fingerprint() == System.load(of(folder)).fingerprint()
    assert list(system.observers()) == ["head_0_0"]


def test_the_head_goes_on_from_embeddings(make_model_dir: MakeModelDir) -> None:
    import numpy as np

    classifier = Classifier.load(make_model_dir("a", [1, 2, 3]))
    images = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), np.uint8)
    embeddings = classifier.embed(images)
    assert embeddings.shape == (4, classifier.embedding_size)
    np.testing.assert_allclose(classifier.probabilities_of(embeddings), classifier.probabilities(images), rtol=1e-5)
    softer = classifier.probabilities_of(embeddings, temperature=5.0)
    assert softer.max() < classifier.probabilities(images).max()
    assert softer.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)

"""A system's settings are refused with their names."""

from pathlib import Path
from typing import Any

import pytest

from tfland.recognition.system_config import (
    ClassifierConfig,
    GateConfig,
    NeighborsConfig,
    SystemConfig,
    load_system,
    system_of,
)

ONE = ClassifierConfig(models=("a",))


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (GateConfig, {"model": ""}, r"gate.model is ''"),
        (GateConfig, {"model": "g", "threshold": 1.5}, r"gate.threshold is 1.5; .* at most 1"),
        (ClassifierConfig, {"models": ()}, r"classifiers.models is \[\]"),
        (ClassifierConfig, {"models": ("a", "a")}, r"a model occurs twice"),
        (
            ClassifierConfig,
            {"models": ("a", "b"), "index": ("i",)},
            r"classifiers.index is \['i'\]; .* of the 2 models",
        ),
        (NeighborsConfig, {"count": 0}, r"neighbors.count is 0"),
        (NeighborsConfig, {"power": 0.0}, r"neighbors.power is 0.0"),
        (NeighborsConfig, {"head_power": -1.0}, r"neighbors.head_power is -1.0"),
        (SystemConfig, {"classifiers": []}, r"classifiers is \[\]; name at least one"),
        (SystemConfig, {"classifiers": [ONE, ONE]}, r"a model occurs twice"),
        (
            SystemConfig,
            {"classifiers": [ONE], "method": "knn"},
            r"classifiers\[0\].index is \[\]; method \"knn\" needs",
        ),
        (
            SystemConfig,
            {"classifiers": [ClassifierConfig(models=("a",), index=("i",))], "method": "ranked"},
            r"classifiers\[0\].non_landmarks is \[\]; B and C need them",
        ),
        (SystemConfig, {"classifiers": [ONE], "max_queries_per_label": -1}, r"max_queries_per_label is -1"),
        (SystemConfig, {"classifiers": [ONE], "label_penalty": -1.0}, r"label_penalty is -1.0"),
        (SystemConfig, {"classifiers": [ONE], "calibration": ""}, r"calibration is ''"),
    ],
)
def test_a_bad_value_is_refused(section: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        section(**values)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "system.yaml"
    path.write_text(
        "gate: {model: g, threshold: null}\nclassifiers:\n"
        "- {models: [a, b], index: [i, j], non_landmarks: [n, o]}\n"
        "- {models: [c], index: [k], non_landmarks: [p]}\n"
        "method: ranked\nranking: {quantile: false}\nneighbors: {count: 3}\n"
    )
    config = load_system(path)
    assert config.gate == GateConfig(model="g", threshold=None)
    assert config.classifiers[0] == ClassifierConfig(models=("a", "b"), index=("i", "j"), non_landmarks=("n", "o"))
    assert not config.ranking.quantile
    assert load_system(path, ["method=head"]).method == "head"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classifers: []", "Did you mean: 'classifiers'"),
        ("classifiers: [{model: a}]", "'model'"),
        ("- a", "a system is a mapping with the keys classifiers"),
        ("classifiers: [{models: [a]}]\nmethod: heads", "heads"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "system.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_system(tmp_path / "system.yaml")


def test_one_classifier_by_options() -> None:
    assert system_of(["a", "b"]).classifiers[0].models == ("a", "b")
    assert system_of(["a"], ["i"], method="knn").method == "knn"
    with pytest.raises(ValueError, match="method is 'best'; choose one of head, knn, blend, ranked"):
        system_of(["a"], method="best")

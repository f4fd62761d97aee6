"""A recognition system: gate, classifiers and method, as one YAML for `tfland predict --system`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from tfland.config.checks import check_between, check_positive, refuse
from tfland.config_io import read_settings
from tfland.recognition.ranking import RankingConfig

Method = Literal["head", "knn", "blend", "ranked"]


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """The non-landmark gate before the classifiers (seed 000, section 3.2).

    Attributes:
        model: model directory of task "gate".
        threshold: a photograph that is a landmark with a smaller probability has no prediction; 0.5 in seed 000. null
            takes that of `calibration`, and without one that of the highest F1 on the gate's validation photographs.
    """

    model: str
    threshold: float | None = 0.5

    def __post_init__(self) -> None:
        if not self.model:
            refuse("gate.model", self.model, 'give the model directory that task "gate" wrote')
        if self.threshold is not None:
            check_between("gate.threshold", self.threshold, 0, 1)


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """One classifier: a model, or several of the same classes whose answers are averaged.

    Attributes:
        models: model directories of task "classify", all with the same classes.
        index: for methods other than "head": what `tfland embed` wrote, a folder for each model.
        non_landmarks: for method "ranked" with its penalties B and C: the same of photographs without a landmark.
    """

    models: tuple[str, ...]
    index: tuple[str, ...] = ()
    non_landmarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.models or not all(self.models):
            refuse("classifiers.models", list(self.models), "give at least one model directory")
        if len(set(self.models)) != len(self.models):
            refuse("classifiers.models", list(self.models), "a model occurs twice; name each once")
        for name in ("index", "non_landmarks"):
            folders = getattr(self, name)
            if folders and len(folders) != len(self.models):
                rule = f"give a folder for each of the {len(self.models)} models, in their order"
                refuse(f"classifiers.{name}", list(folders), rule)


@dataclass(frozen=True, kw_only=True)
class NeighborsConfig:
    """Methods "knn" and "blend". The defaults are those of the third place of 2020.

    Attributes:
        count: nearest index photographs that vote.
        power: each votes with its cosine to this power (https://www.kaggle.com/c/landmark-recognition-2020/discussion/187757).
        head_power: "blend" multiplies the votes by the head's probability to this power.
    """

    count: int = 5
    power: float = 8.0
    head_power: float = 12.0

    def __post_init__(self) -> None:
        check_between("neighbors.count", self.count, 1, 1000)
        check_positive("neighbors.power", self.power)
        check_positive("neighbors.head_power", self.head_power)


@dataclass(frozen=True, kw_only=True)
class SystemConfig:
    """A recognition system, whole; `load_system` reads it from YAML.

    Attributes:
        classifiers: in seed 000 one for each bin of class sizes. The probabilities of several are made comparable by
            the factor `ClassNum[current] / max(ClassNum)` (seed 000, equation 1), ClassNum being their numbers of
            classes.
        gate: see `GateConfig`; null for none.
        method: "head" (the classifier's probability), "knn" (the votes of the nearest index photographs), "blend"
            (votes times a power of the head's probability) or "ranked" (the 2020 winner's steps, seed 001).
        neighbors: see `NeighborsConfig`.
        ranking: of method "ranked", see `tfland.recognition.ranking.RankingConfig`.
        max_queries_per_label: a landmark that is the best of more queries than this loses `label_penalty`: it is
            usually none (second place of 2020, who took 20:
            https://www.kaggle.com/c/landmark-recognition-2020/discussion/188299); 0 for no penalty.
        label_penalty: what its scores lose, in units of the method's score.
        calibration: calibration.json of `tfland calibrate`; null leaves confidences as the method gives them.
    """

    classifiers: list[ClassifierConfig]
    gate: GateConfig | None = None
    method: Method = "head"
    neighbors: NeighborsConfig = field(default_factory=NeighborsConfig)
    ranking: RankingConfig = field(default_factory=RankingConfig)
    max_queries_per_label: int = 0
    label_penalty: float = 1.0
    calibration: str | None = None

    def __post_init__(self) -> None:
        if not self.classifiers:
            refuse("classifiers", [], "name at least one")
        models = [model for classifier in self.classifiers for model in classifier.models]
        if len(set(models)) != len(models):
            refuse("classifiers", models, "a model occurs twice; name each once")
        if self.method != "head":
            for place, classifier in enumerate(self.classifiers):
                if not classifier.index:
                    rule = f'method "{self.method}" needs one; write it with `tfland embed`'
                    refuse(f"classifiers[{place}].index", [], rule)
        self._check_ranking()
        check_between("max_queries_per_label", self.max_queries_per_label, 0)
        check_between("label_penalty", self.label_penalty, 0)
        if self.calibration == "":
            refuse("calibration", "", "give the calibration.json that `tfland calibrate` wrote, or null")

    def _check_ranking(self) -> None:
        if self.method != "ranked" or not (self.ranking.index_penalty or self.ranking.query_penalty):
            return
        for place, classifier in enumerate(self.classifiers):
            if not classifier.non_landmarks:
                rule = "B and C need them; or set ranking.index_penalty and ranking.query_penalty to false"
                refuse(f"classifiers[{place}].non_landmarks", [], rule)


def load_system(path: Path | str, overrides: Sequence[str] = ()) -> SystemConfig:
    """Reads a recognition system.

    Args:
        path: a YAML file with the keys of `SystemConfig`.
        overrides: texts such as "method=knn", stronger than the file.

    Raises:
        ValueError: a key is unknown or missing, or a value has the wrong type or is out of range; the message names it.
        OSError: the file is missing or cannot be read.
    """
    keys = "a system is a mapping with the keys classifiers, gate, method …"
    return read_settings(SystemConfig, path, overrides, keys=keys)


def system_of(
    models: Sequence[str], index: Sequence[str] = (), non_landmarks: Sequence[str] = (), method: str = "head"
) -> SystemConfig:
    """The system of one classifier without a gate: a model, or several that are averaged.

    Raises:
        ValueError: the method is unknown or lacks its index, or there is not a folder for each model.
    """
    if method not in get_args(Method):
        refuse("method", method, f"choose one of {', '.join(get_args(Method))}")
    classifier = ClassifierConfig(models=tuple(models), index=tuple(index), non_landmarks=tuple(non_landmarks))
    return SystemConfig(classifiers=[classifier], method=cast(Method, method))

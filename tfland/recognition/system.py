"""A recognition system, opened: gate, classifiers, indexes, calibration."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfland.metrics.binary import DEFAULT_THRESHOLD
from tfland.recognition.calibration import Calibration
from tfland.recognition.classifier import Classifier, Gate, fit_photograph
from tfland.recognition.embedder import Embedder
from tfland.recognition.embeddings import Embeddings
from tfland.recognition.observe import GATE, Observer, View
from tfland.recognition.system_config import ClassifierConfig, GateConfig, SystemConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One classifier of a system: a model, or several of the same classes.

    Attributes:
        number: its place in the system.
        name: for tables: its first model's folder.
        models: opened.
        index: of each model, for methods with neighbours.
        non_landmarks: of each model, for method "ranked".
    """

    number: int
    name: str
    models: Sequence[Classifier]
    index: Sequence[Embeddings] = ()
    non_landmarks: Sequence[Embeddings] = ()

    @classmethod
    def load(cls, config: ClassifierConfig, number: int, *, with_index: bool) -> "Member":
        """Opens the folders; raises as `System.load`."""
        models = [Classifier.load(Path(folder)) for folder in config.models]
        for model in models[1:]:
            if model.labels.digest() != models[0].labels.digest():
                raise ValueError(f"{model.folder} and {models[0].folder} have other classes; an ensemble has the same")
        index, pools = (config.index, config.non_landmarks) if with_index else ((), ())
        member = cls(
            number=number,
            name=Path(config.models[0]).name,
            models=models,
            index=[_open(folder, model) for folder, model in zip(index, models, strict=bool(index))],
            non_landmarks=[_open(folder, model) for folder, model in zip(pools, models, strict=bool(pools))],
        )
        _check_rows(member.index, config.index, with_landmarks=True)
        _check_rows(member.non_landmarks, config.non_landmarks, with_landmarks=False)
        return member

    @property
    def landmark_ids(self) -> np.ndarray:
        """[C] int64, the landmark of every class."""
        return np.asarray(self.models[0].labels.landmark_ids, dtype=np.int64)

    def head_name(self, model: int) -> str:
        """Name of the observer that makes the embeddings from which the head goes on."""
        return f"head_{self.number}_{model}"

    def neighbors_name(self, model: int) -> str:
        """Name of the observer that makes the embeddings that the index has."""
        return f"neighbors_{self.number}_{model}"


@dataclass(frozen=True, kw_only=True)
class System:
    """A recognition system, opened.

    Attributes:
        config: what it was made from.
        members: its classifiers.
        gate: None for none.
        threshold: of the gate.
        calibration: None for none.
    """

    config: SystemConfig
    members: Sequence[Member]
    gate: Gate | None = None
    threshold: float = 0.0
    calibration: Calibration | None = None
    _fingerprint: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, config: SystemConfig) -> "System":
        """Opens all models, indexes and the calibration.

        Raises:
            FileNotFoundError: a folder or a file in it is missing.
            ValueError: parts that do not belong together: an ensemble of other classes, an index of another model, a
                calibration of another system.
        """
        with_index = config.method != "head"
        members = [Member.load(part, number, with_index=with_index) for number, part in enumerate(config.classifiers)]
        gate = None if config.gate is None else Gate.load(Path(config.gate.model))
        calibration = None if config.calibration is None else Calibration.load(Path(config.calibration))
        threshold = 0.0 if gate is None or config.gate is None else _threshold(config.gate, gate, calibration)
        system = cls(config=config, members=members, gate=gate, threshold=threshold, calibration=calibration)
        if calibration is not None:
            _check_calibration(calibration, system)
        return system

    @classmethod
    def of(cls, classifier: Classifier) -> "System":
        """The system that is one classifier and nothing else."""
        config = SystemConfig(classifiers=[ClassifierConfig(models=(str(classifier.folder),))])
        return cls(config=config, members=[Member(number=0, name=classifier.folder.name, models=[classifier])])

    def fingerprint(self) -> str:
        """sha256 over all models, for a calibration that must not be used with others."""
        if not self._fingerprint:
            models = [model.fingerprint() for member in self.members for model in member.models]
            models.append("" if self.gate is None else self.gate.fingerprint())
            self._fingerprint.append(hashlib.sha256("\n".join(models).encode()).hexdigest())
        return self._fingerprint[0]

    def temperature(self, member: Member) -> float:
        """T of a classifier's softmax; 1 without a calibration."""
        temperatures = () if self.calibration is None else self.calibration.temperatures
        return temperatures[member.number] if temperatures else 1.0

    def observers(self) -> dict[str, Observer]:
        """What must look at every query for this method."""
        observers: dict[str, Observer] = {}
        if self.gate is not None:
            observers[GATE] = _GateObserver(self.gate)
        for member in self.members:
            for number, model in enumerate(member.models):
                if self.config.method in ("head", "blend"):
                    observers[member.head_name(number)] = _HeadObserver(model)
                if self.config.method != "head":
                    embedder = _embedder_of(member.index[number].model, model)
                    observers[member.neighbors_name(number)] = _NeighborsObserver(embedder)
        return observers


class _GateObserver:
    """The probability of a landmark, as a vector of one number."""

    def __init__(self, gate: Gate) -> None:
        self._gate, self.fingerprint, self.dimensions = gate, gate.fingerprint(), 1

    def fit(self, photograph: np.ndarray) -> View:
        return (fit_photograph(photograph, *self._gate.view),)

    def embed(self, photographs: Sequence[View]) -> np.ndarray:
        return self._gate.landmark_probability(np.stack([view for (view,) in photographs]))[:, None]


class _HeadObserver:
    """The embedding as the head takes it, of any length."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier, self.fingerprint = classifier, classifier.fingerprint()
        self.dimensions = classifier.embedding_size

    def fit(self, photograph: np.ndarray) -> View:
        return (fit_photograph(photograph, *self._classifier.view),)

    def embed(self, photographs: Sequence[View]) -> np.ndarray:
        return self._classifier.embed(np.stack([view for (view,) in photographs]))


class _NeighborsObserver:
    """The embedding as the index has it: of unit length, of the same views."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder, self.fingerprint, self.dimensions = embedder, embedder.fingerprint, embedder.dimensions

    def fit(self, photograph: np.ndarray) -> View:
        return self._embedder.fit(photograph)

    def embed(self, photographs: Sequence[View]) -> np.ndarray:
        # Filled up to a power of two: each size of batch is traced once.
        return self._embedder.embed(photographs, 1 << (len(photographs) - 1).bit_length())


def _threshold(config: GateConfig, gate: Gate, calibration: Calibration | None) -> float:
    if config.threshold is not None:
        return config.threshold
    if calibration is not None and calibration.gate_threshold is not None:
        return calibration.gate_threshold
    threshold = gate.trained_threshold
    source = "no validation at its training" if threshold == DEFAULT_THRESHOLD else "validation at its training"
    logger.info("the gate's threshold is %.4g (%s)", threshold, source)
    return threshold


def _embedder_of(made_by: Mapping[str, object], model: Classifier) -> Embedder:
    """The embedder that makes vectors as those of an index: the same views of a photograph."""
    sizes = made_by.get("sizes")
    if not isinstance(sizes, list):
        raise ValueError(
            f"the index of {model.folder} does not say how its photographs were seen; make it with `tfland embed`, or "
            "use `tfland rerank` for embeddings of other origin"
        )
    pairs = [(int(height), int(width)) for height, width in sizes]
    return Embedder(model.model, pairs, str(made_by.get("resize")), flip=bool(made_by.get("flip")))


def _open(folder: str, model: Classifier) -> Embeddings:
    embeddings = Embeddings.load(folder)
    if _embedder_of(embeddings.model, model).fingerprint != embeddings.fingerprint:
        raise ValueError(f"{folder} was made by another model than {model.folder}; run `tfland embed` with this one")
    return embeddings


def _check_rows(parts: Sequence[Embeddings], folders: Sequence[str], *, with_landmarks: bool) -> None:
    for part, folder in zip(parts, folders, strict=False):
        if with_landmarks and (part.landmark_ids is None or (part.landmark_ids < 0).any()):
            raise ValueError(f"{folder} has photographs without a landmark, which no query can be recognised by")
        if not np.array_equal(part.ids, parts[0].ids):
            raise ValueError(f"{folder} and {folders[0]} have other photographs; models of an ensemble need the same")


def _check_calibration(calibration: Calibration, system: System) -> None:
    path, config = system.config.calibration, system.config
    if calibration.system != system.fingerprint():
        raise ValueError(f"{path} was fitted for other models; run `tfland calibrate` with this system")
    if calibration.method != config.method:
        raise ValueError(
            f'{path} was fitted for method "{calibration.method}", the system has "{config.method}"; run '
            "`tfland calibrate` for it"
        )

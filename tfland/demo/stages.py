"""The stages of the chain, each resumable by itself; a finished one is not run again."""

import json
import logging
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tfland.config import ExperimentConfig
from tfland.config_io import config_from_dict
from tfland.demo.config import ChainConfig
from tfland.demo.layout import Layout, Queries
from tfrecords_builder import schema
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.shards import build_shards
from tfrecords_builder.splits import SplitPlan

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Experiments:
    """The three trainings, checked before the first photograph is made."""

    classifier: ExperimentConfig
    delf_descriptors: ExperimentConfig
    delf_attention: ExperimentConfig

    @classmethod
    def of(cls, config: ChainConfig, out: Path) -> "Experiments":
        """Completes the experiments of a chain with its folders and seed.

        Raises:
            ValueError: an experiment has an unknown key or a bad value.
        """

        def experiment(task: str, weights: str | None) -> ExperimentConfig:
            name = "classifier" if task == "classify" else task
            values: dict[str, Any] = {section: dict(part) for section, part in getattr(config, name).items()}
            values.setdefault("data", {})["shards"] = str(out / "shards")
            values.setdefault("training", {})["model_dir"] = str(out / name)
            values["training"]["seed"] = config.seed
            if weights is not None:
                values.setdefault("model", {})["weights"] = weights
            return config_from_dict({"task": task, **values}, source=f"{name} of the chain")

        return cls(
            classifier=experiment("classify", None),
            delf_descriptors=experiment("delf_descriptors", str(out / "classifier")),
            delf_attention=experiment("delf_attention", str(out / "delf_descriptors")),
        )


class Ledger:
    """Which stages are done and how long they took, in OUT/stages.json.

    Args:
        out: the run's folder.
        config: the run's settings.

    Raises:
        ValueError: the folder holds a run with other settings.
    """

    def __init__(self, out: Path, config: ChainConfig) -> None:
        self._file = out / "stages.json"
        settings = json.loads(json.dumps(asdict(config)))
        self._state: dict[str, Any] = {"settings": settings, "seconds": {}, "peak_memory_gib": 0.0}
        if self._file.is_file():
            self._state = json.loads(self._file.read_text())
            if self._state["settings"] != settings:
                changed = [key for key in settings if self._state["settings"].get(key) != settings[key]]
                raise ValueError(f"{out} holds a run with other settings ({', '.join(changed)}): give another --out")
        else:
            self._save()

    @property
    def seconds(self) -> dict[str, float]:
        """Duration of each finished stage in seconds."""
        return dict(self._state["seconds"])

    @property
    def peak_memory_gib(self) -> float:
        """Largest resident memory that one process of the run had, in GiB."""
        return float(self._state["peak_memory_gib"])

    def run(self, name: str, stage: Callable[[], object]) -> None:
        """Runs a stage, unless an earlier run finished it."""
        if name in self._state["seconds"]:
            logger.info("%s: done by an earlier run, skipped", name)
            return
        logger.info("== %s", name)
        started = time.monotonic()
        stage()
        self._state["seconds"][name] = round(time.monotonic() - started, 1)
        self._state["peak_memory_gib"] = max(self._state["peak_memory_gib"], _peak_memory_gib())
        self._save()

    def _save(self) -> None:
        with atomic_write(self._file) as file:
            json.dump(self._state, file, indent=2)


def _peak_memory_gib() -> float:
    """The larger of this process's and its largest child's peak resident memory, to the hundredth."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    # Linux counts in KiB, macOS in bytes.
    return round(peak / (2**30 if sys.platform == "darwin" else 2**20), 2)


def build(config: ChainConfig, layout: Layout, out: Path, workers: int) -> None:
    """Shards of the training photographs; a tenth of each class watches the training."""
    build_shards(
        BuildConfig(
            csv=layout.train_csv,
            images=layout.train_images,
            out=out / "shards",
            splits=SplitPlan(names=(schema.TRAIN_SPLIT, "validation"), fractions=(0.9, 0.1)),
            num_shards=4,
            max_side=config.max_side,
            seed=config.seed,
            workers=workers,
        )
    )


def train_all(experiments: Experiments, ledger: Ledger, *, delf: bool) -> None:
    """The classifier; then, where DELF is wanted, its descriptors from the classifier, and its attention."""
    from tfland.training.experiment import train

    ledger.run("train classifier", lambda: train(experiments.classifier))
    if not delf:
        return
    ledger.run("train DELF descriptors", lambda: train(experiments.delf_descriptors))
    ledger.run("train DELF attention", lambda: train(experiments.delf_attention))


def make_extractor(config: ChainConfig, layout: Layout, out: Path) -> None:
    """The DELF extractor: network, and projection fitted on training photographs."""
    from delf_verify.pyramid import DelfConfig
    from delf_verify.sources import FolderSource
    from tfland.recognition.delf import fit_delf

    ids = read_photographs(layout.train_csv)[schema.ID].tolist()
    fit_delf(out / "delf_attention", ids, FolderSource(layout.train_images), DelfConfig(**config.delf), out / "delf")


def predict_queries(queries: Queries, out: Path, name: str) -> None:
    """The classifier's prediction for every query, as OUT/predictions/NAME.csv."""
    from delf_verify.sources import FolderSource
    from tfland.recognition.classifier import Classifier
    from tfland.recognition.predict import predict
    from tfland.recognition.submission import write_refused, write_submission
    from tfland.recognition.system import System

    classifier = Classifier.load(out / "classifier")
    ids = read_photographs(queries.csv)[schema.ID].tolist()
    candidates = len(classifier.labels) if queries.stand_ins is not None else 1
    source, work = FolderSource(queries.images), out / "predictions" / f"{name}.observations"
    predicted = predict(System.of(classifier), ids, source, work, candidates=candidates)
    best = without_own_landmark(predicted.candidates, queries)
    write_submission(out / "predictions" / f"{name}.csv", ids, best)
    write_refused(out / "predictions" / f"{name}.refused.csv", predicted.refused)


def without_own_landmark(candidates: pd.DataFrame, queries: Queries) -> pd.DataFrame:
    """The best candidate of each query, after the stand-ins' own landmark was taken out of theirs.

    The remaining probabilities are divided by their sum: what a classifier that had never seen the landmark says.
    """
    if queries.stand_ins is not None:
        own = read_photographs(queries.stand_ins).set_index(schema.ID)[schema.LANDMARK]
        is_own = candidates[schema.ID].map(own).eq(candidates[schema.LANDMARK])
        own_share = candidates[is_own].set_index(schema.ID)[schema.SCORE]
        candidates = candidates[~is_own].copy()
        rest = 1 - candidates[schema.ID].map(own_share).fillna(0.0)
        candidates[schema.SCORE] = candidates[schema.SCORE] / rest.clip(lower=1e-12)
    return candidates.drop_duplicates(schema.ID).reset_index(drop=True)

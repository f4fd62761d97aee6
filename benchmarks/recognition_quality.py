"""GAP on photographs of every way to answer: head, neighbours, the 2020 winner's steps one by one, gate, partition.

    python benchmarks/recognition_quality.py --seeds 3
    python benchmarks/recognition_quality.py --data toyworld --seeds 1 --epochs 4

Two ResNet18 are trained from random weights for every seed: softmax on GeM features, and ArcFace on a neck of 128; they
answer alone and together. The index is the training photographs. The distractors of the test set are halved by the
sha256 of their id: one half are the non-landmarks of penalties B and C and what the gate learns as "not a landmark",
the other half stay among the queries. No setting was chosen on the queries: all are the defaults or the papers'. The
recipe of the 2020 winner (seed 001) is also done literally, with all pairs in one NumPy matrix. What is finished under
--work is not done again.
"""

import argparse
import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
from recognition_answers import (
    COLUMNS,
    RANKINGS,
    Table,
    alone,
    alone_seen,
    ask,
    behind_gate,
    fill,
    print_differences,
    print_gaps,
)

from delf_verify.sources import FolderSource
from tfland.config_io import config_from_dict
from tfland.metrics.gap import Truth
from tfland.metrics.scores import truth_of
from tfland.recognition.embed import EmbedConfig, embed
from tfland.recognition.embed_sources import CatalogPhotographs
from tfland.recognition.embedder import Embedder
from tfland.recognition.observe import observe
from tfland.recognition.system import System
from tfland.recognition.system_config import ClassifierConfig, GateConfig, SystemConfig
from tfland.toyworld.config import ToyworldConfig
from tfland.toyworld.generate import generate
from tfland.training.experiment import train
from tfrecords_builder.catalog import read_photographs, read_solution
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.shards import build_shards


@dataclass(frozen=True, kw_only=True)
class World:
    """Photographs in the layout of Google-Landmarks-v2.

    Attributes:
        root: the folder.
        work: for what is derived from it.
        truth: of the queries.
        held_apart: ids of the test photographs that serve as non-landmarks.
    """

    root: Path
    work: Path
    truth: Truth
    held_apart: Sequence[str]

    @classmethod
    def open(cls, root: Path, work: Path) -> "World":
        """Halves the distractors of the test set."""
        everything = truth_of(read_solution(root / "solution.csv"))
        held = [name for name, marks in everything.items() if not marks and _is_even(name)]
        truth = {name: marks for name, marks in everything.items() if name not in set(held)}
        return cls(root=root, work=work, truth=truth, held_apart=held)

    def describe(self) -> str:
        """Counts, for the head of the table."""
        marks = read_photographs(self.root / "train.csv")["landmark_id"]
        shows = sum(1 for landmarks in self.truth.values() if landmarks)
        return (
            f"{self.root.name}: index of {len(marks)} photographs of {marks.nunique()} landmarks, {len(self.truth)} "
            f"queries ({len(self.truth) - shows} distractors), {len(self.held_apart)} non-landmarks held apart"
        )

    def catalogue(self, name: str) -> CatalogPhotographs:
        """The photographs of a catalogue that `build` wrote."""
        return CatalogPhotographs(self.work / f"{name}.csv", self._folder_of(name))

    def build(self) -> None:
        """Catalogues and shards: all training photographs, two halves of their classes by size, the non-landmarks."""
        self.work.mkdir(parents=True, exist_ok=True)
        table = pd.read_csv(self.root / "train.csv", dtype={"id": str})
        sizes = Counter(table["landmark_id"].tolist())
        ordered = sorted(sizes, key=lambda mark: (-sizes[mark], mark))
        large = table["landmark_id"].isin(ordered[: (len(ordered) + 1) // 2])
        negatives = pd.DataFrame({"id": self.held_apart})
        for name, part in {"all": table, "large": table[large], "small": table[~large], "negatives": negatives}.items():
            csv, out = self.work / f"{name}.csv", self.work / "shards" / name
            part.to_csv(csv, index=False)
            build_shards(BuildConfig(csv=csv, images=self._folder_of(name), out=out, num_shards=2, max_side=192))

    def _folder_of(self, name: str) -> Path:
        return self.root / ("test" if name == "negatives" else "train")


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Trains the models of one seed, each once.

    Attributes:
        world: the photographs.
        seed: of weights and order.
        epochs: of each training.
        size: side of the network's input in pixels.
    """

    world: World
    seed: int
    epochs: int
    size: int

    @property
    def folder(self) -> Path:
        """Of the seed's models and embeddings."""
        return self.world.work / f"{self.size}px-{self.epochs}epochs-seed{self.seed}"

    def train(self, name: str, shards: str = "all", *, arcface: bool = False, gate: bool = False) -> Path:
        """Returns the model directory; the settings are those of configs/landmarks15_classifier.yaml."""
        where, folder = self.world.work / "shards", self.folder / name
        model: dict[str, object] = {"backbone": "resnet18", "pooling": "gem"}
        loss: dict[str, object] = {"name": "softmax", "label_smoothing": 0.1}
        data: dict[str, object] = {"shards": str(where / shards), "validation_split": None, "image_size": self.size}
        data |= {"crop_area_min": 0.35, "rotation_degrees": 5, "colour_jitter": 0.2}
        if arcface:
            model |= {"embedding_size": 128, "head": "cosine"}
            loss = {"name": "arcface"}
        if gate:
            data |= {"negative_shards": str(where / "negatives"), "sampling": "class_balanced"}
        settings = {
            "task": "gate" if gate else "classify",
            "data": data,
            "model": model,
            "loss": loss,
            "optimizer": {"name": "adamw", "weight_decay": 0.05},
            "schedule": {"name": "cosine", "learning_rate": 0.001, "warmup_epochs": 1},
            "training": {"epochs": self.epochs, "batch_size": 32, "seed": self.seed, "knn": "off"}
            | {"model_dir": str(folder), "validate_every_epochs": self.epochs},
        }
        train(config_from_dict(settings, source=name))
        return folder

    def embed(self, model: Path) -> tuple[str, str]:
        """Returns the folders of the index's and of the non-landmarks' embeddings."""
        embedder, folders = Embedder.load(model), []
        for name in ("all", "negatives"):
            out = model.with_name(f"{model.name}-{name}")
            embed(embedder, self.world.catalogue(name), out, EmbedConfig(dtype="float32"))
            folders.append(str(out))
        return folders[0], folders[1]


def answer(trainer: Trainer, *, gate: bool, partition: bool) -> Table:
    """Trains what is missing, and returns all ways to answer for one seed."""
    world = trainer.world
    models = trainer.train("softmax"), trainer.train("arcface", arcface=True)
    index, pool = zip(*(trainer.embed(model) for model in models), strict=True)
    gate_config = GateConfig(model=str(trainer.train("gate", gate=True))) if gate else None
    both = ClassifierConfig(models=tuple(map(str, models)), index=index, non_landmarks=pool)
    system = System.load(SystemConfig(classifiers=[both], gate=gate_config, method="blend"))
    ids, source = list(world.truth), FolderSource(world.root / "test")
    # A threshold of 0 shows the networks everything: with and without the gate are two readings of one pass.
    seen = observe(system.observers(), ids, source, trainer.folder / "observations")
    table: Table = {}
    for number, column in enumerate(COLUMNS[:2]):
        fill(table, column, alone(system, number), alone_seen(seen, number), world.truth)
    fill(table, "both", system, seen, world.truth)
    for row, ranking in RANKINGS.items():
        ranking = replace(ranking, ensemble="per_model")
        table["both, per model", row] = ask(system, seen, world.truth, method="ranked", ranking=ranking)
    if partition:
        parts = [ClassifierConfig(models=(str(trainer.train(name, name)),)) for name in ("large", "small")]
        split = System.load(SystemConfig(classifiers=parts))
        found = observe(split.observers(), ids, source, trainer.folder / "observations_of_parts")
        table["softmax", "head of two classifiers by class size"] = ask(split, found, world.truth)
        if gate:
            found = replace(found, status=behind_gate(seen).status)
            table["softmax", "head of two classifiers, behind the gate"] = ask(split, found, world.truth)
    return table


def _is_even(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def open_world(options: argparse.Namespace) -> World:
    """The photographs that were asked for; a toyworld is made where it is missing."""
    if options.data == "landmarks15":
        return World.open(options.photographs, options.work / "landmarks15")
    root = options.work / "toyworld_photographs"
    generate(ToyworldConfig(landmarks=20, images=500, queries=240, distractor_share=0.5, size=160), root, workers=2)
    return World.open(root, options.work / "toyworld")


def main() -> None:
    """Trains, answers and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["landmarks15", "toyworld"], default="landmarks15")
    parser.add_argument("--photographs", type=Path, default=Path("../shared/data/landmarks15"))
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--size", type=int, default=64, help="side of the network's input in pixels")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--no-gate", action="store_true")
    parser.add_argument("--no-partition", action="store_true")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "recognition_quality")
    options = parser.parse_args()
    world = open_world(options)
    world.build()
    trainers = [
        Trainer(world=world, seed=seed, epochs=options.epochs, size=options.size) for seed in range(options.seeds)
    ]
    tables = [answer(one, gate=not options.no_gate, partition=not options.no_partition) for one in trainers]
    print(f"{world.describe()}; ResNet18 from random weights, {options.size} px, {options.epochs} epochs")
    print_gaps(tables)
    print_differences(tables, options.resamples)


if __name__ == "__main__":
    main()

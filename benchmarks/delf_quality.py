"""A DELF trained from what is here beside the same network untrained, on photographs of places it never saw.

    python benchmarks/delf_quality.py --work DIR [--start DIR] [--epochs 4] [--json]
    python benchmarks/delf_quality.py --work DIR --model DIR    # a finished training of task delf_attention

Training (`tfland train`, both stages of the paper, ResNet18, 80 px): patches of photographs as classes of their own
(`delf_patches.py`), taken from the landmarks of landmarks15 that ../shared/data/same_different.csv does not show and
from the test photographs that show no landmark. `--start` gives the weights to begin with, such as the folder
delf_descriptors of `tfland demo` (its buildings are drawn); without it they are random.

Measured: all pairs of same_different.csv, none of whose places was trained on. Both networks get a projection fitted on
the same training photographs, the same pyramid and the same search over settings. The settings are chosen on the pairs
within one half of the scenes and judged on the pairs within the other, both ways; pairs across the halves do not count
there, but do in the column "all pairs", the best setting in hindsight. "norm" ranks features by the length of their
descriptor, a stronger stand-in for an untrained attention. Score of a pair: its inliers.
"""

import argparse
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from delf_patches import write_patches
from sklearn.metrics import roc_auc_score

from delf_verify.features import LocalFeatures
from delf_verify.geometry import GeometryConfig, estimate_geometry
from delf_verify.matching import MatchingConfig, match_pair
from delf_verify.model import build_delf, extraction_model
from delf_verify.pca import Pca
from delf_verify.pyramid import DelfConfig, Pyramid
from tfland.models.backbones import build_trunk
from tfrecords_builder.images import read_image

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
# Of the landmarks that same_different.csv does not show: iron_pillar stands among three that it does.
TRAINING_LANDMARKS = ("1028", "1035", "1063", "1070", "1077")
PYRAMID = DelfConfig(scales=(0.5, 2**-0.5, 1.0, 2**0.5), max_features=1000, max_side=640)
# Every so-many-th training photograph, and its strongest descriptors, for the projection.
EVERY, STRONGEST = 3, 300

PROJECTIONS = ((40, False), (40, True))
MATCHINGS = (
    MatchingConfig(),
    MatchingConfig(max_distance=None, mutual=True),
    MatchingConfig(max_distance=None, mutual=True, ratio=0.97),
)
RESIDUALS = (12.0, 24.0)


@dataclass(frozen=True)
class Row:
    """One network: AUC and recall at 5 % false accepts on held-out halves, and of the best setting on all pairs."""

    network: str
    auc: float
    recall: float
    auc_halves: tuple[float, float]
    auc_all: float
    recall_all: float
    best: str


def training_photographs(data: Path) -> list[Path]:
    """Photographs of landmarks that the pairs do not show, and of no landmark, sorted."""
    folder = data / "landmarks15"
    train = pd.read_csv(folder / "train.csv", dtype=str)
    test = pd.read_csv(folder / "solution.csv", dtype=str, keep_default_na=False)
    chosen = [("train", name) for name in train.id[train.landmark_id.isin(TRAINING_LANDMARKS)]]
    chosen += [("test", name) for name in test.id[test.landmarks == ""]]
    return sorted(folder / part / name[0] / name[1] / name[2] / f"{name}.jpg" for part, name in chosen)


def train(
    photographs: Sequence[Path],
    work: Path,
    *,
    start: Path | None = None,
    epochs: int = 4,
    classes: int = 1200,
    copies: int = 12,
    seed: int = 7,
) -> Path:
    """Patches, shards and both stages; finished parts are not done again. The attention's model_dir."""
    from tfland.config_io import config_from_dict
    from tfland.training import train as run
    from tfrecords_builder.config import BuildConfig
    from tfrecords_builder.shards import build_shards
    from tfrecords_builder.splits import SplitPlan

    patches, shards = work / "patches", work / "shards"
    if not (patches / "train.csv").is_file():
        write_patches(photographs, patches, classes=classes, copies=copies, seed=seed)
    splits = SplitPlan(names=("train", "validation"), fractions=(0.92, 0.08))
    images = patches / "train"
    build_shards(BuildConfig(csv=patches / "train.csv", images=images, out=shards, splits=splits, num_shards=4))
    data = {"shards": str(shards), "image_size": 80, "resize": "exact", "crop": "random_resized"}
    data |= {"crop_area_min": 0.7, "flip": False, "rotation_degrees": 0, "colour_jitter": 0.0}
    common = {"batch_size": 64, "seed": seed, "knn": "off", "best_metric": "validation_loss"}
    stages = (
        ("descriptors", "none" if start is None else str(start), epochs, 0.02, 0.002, 0.3, 0.1),
        ("attention", str(work / "descriptors"), 1, 0.0, 0.001, 0.0, 0.0),
    )
    for name, weights, passes, decay, rate, warmup, smoothing in stages:
        settings = {
            "task": f"delf_{name}",
            "data": data,
            "model": {"backbone": "resnet18", "weights": weights},
            "loss": {"name": "softmax", "label_smoothing": smoothing},
            "optimizer": {"name": "adamw", "weight_decay": decay},
            "schedule": {"name": "cosine", "learning_rate": rate, "warmup_epochs": warmup},
            "training": {"model_dir": str(work / name), "epochs": passes, "validate_every_epochs": passes, **common},
        }
        run(config_from_dict(settings, source=f"stage {name}"))
    return work / "attention"


def untrained(seed: int) -> keras.Model:
    """The same network with random weights, its attention's too (training starts that at zero: equal everywhere)."""
    keras.utils.set_random_seed(seed)
    delf = build_delf(build_trunk("resnet18"), 2)
    score = delf.get_layer("attention_score")
    kernel, bias = score.get_weights()
    score.set_weights([np.asarray(keras.initializers.GlorotUniform(seed)(kernel.shape)), bias])
    return extraction_model(delf)


def by_norm(model: keras.Model) -> keras.Model:
    """A network whose attention is the length of its descriptors."""
    descriptors = model.output["descriptors"]
    norm = keras.ops.sqrt(keras.ops.sum(keras.ops.square(descriptors), axis=-1, keepdims=True))
    return keras.Model(model.input, {"descriptors": descriptors, "attention": norm})


def extract(model: keras.Model, paths: Iterable[Path]) -> list[LocalFeatures]:
    """Features with the network's own descriptors, not projected."""
    return list(Pyramid(model, PYRAMID).extract_many(read_image(path) for path in paths))


def inliers(features: dict[str, LocalFeatures], pairs: pd.DataFrame, matching: MatchingConfig) -> np.ndarray:
    """Inliers [pairs, residuals] of every pair."""
    counts = np.zeros((len(pairs), len(RESIDUALS)))
    for row, (a, b) in enumerate(zip(pairs.a, pairs.b, strict=True)):
        matches = match_pair(features[a], features[b], matching)
        query, index = features[a].locations_yx[matches.query_indices], features[b].locations_yx[matches.index_indices]
        for column, residual in enumerate(RESIDUALS):
            counts[row, column] = estimate_geometry(query, index, GeometryConfig(residual_px=residual)).num_inliers
    return counts


def scores(features: dict[str, LocalFeatures], sample: np.ndarray, pairs: pd.DataFrame) -> dict[str, np.ndarray]:
    """Scores [pairs] of every setting by its name."""
    found = {}
    for size, whiten in PROJECTIONS:
        pca = Pca.fit(sample, size, whiten=whiten)
        projected = {
            name: LocalFeatures(each.locations_yx, pca.project(each.descriptors), each.scores, each.scales)
            for name, each in features.items()
        }
        for matching in MATCHINGS:
            counts = inliers(projected, pairs, matching)
            how = f"limit {matching.max_distance}, ratio {matching.ratio}, mutual {matching.mutual}"
            for column, residual in enumerate(RESIDUALS):
                found[f"{size}-d{' whitened' if whiten else ''}, {how}, {residual:.0f} px"] = counts[:, column]
    return found


def auc_and_recall(score: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """AUC, and the share of same pairs above the score that 5 % of the different ones exceed at most."""
    different = np.sort(score[~same])
    limit = different[int(np.ceil(0.95 * len(different))) - 1]
    return float(roc_auc_score(same, score)), float((score[same] > limit).mean())


def judge(network: str, found: dict[str, np.ndarray], pairs: pd.DataFrame) -> Row:
    """Settings chosen on each half of the scenes and judged on the other."""
    same = pairs.same.to_numpy() == 1
    scenes = sorted(set(pairs.scene_a) | set(pairs.scene_b))
    halves = [pairs.scene_a.isin(half) & pairs.scene_b.isin(half) for half in (scenes[::2], scenes[1::2])]
    figures = []
    for chosen_on, judged_on in (halves, halves[::-1]):
        best = max(found, key=lambda name: auc_and_recall(found[name][chosen_on], same[chosen_on])[0])
        figures.append(auc_and_recall(found[best][judged_on], same[judged_on]))
    (auc_1, recall_1), (auc_2, recall_2) = figures
    best = max(found, key=lambda name: auc_and_recall(found[name], same)[0])
    return Row(
        network,
        (auc_1 + auc_2) / 2,
        (recall_1 + recall_2) / 2,
        (auc_1, auc_2),
        *auc_and_recall(found[best], same),
        best,
    )


def measure(network: str, model: keras.Model, data: Path, pairs: pd.DataFrame, work: Path) -> Row:
    """Extracts, searches and judges; every setting's inliers of every pair go into a CSV in `work`."""
    names = sorted(set(pairs.a) | set(pairs.b))
    features = dict(zip(names, extract(model, (data / name for name in names)), strict=True))
    fitted_on = extract(model, training_photographs(data)[::EVERY])
    sample = np.concatenate([each.descriptors[:STRONGEST] for each in fitted_on])
    found = scores(features, sample, pairs)
    work.mkdir(parents=True, exist_ok=True)
    pairs.assign(**found).to_csv(work / f"inliers_{network.replace(', ', '_').replace(' ', '_')}.csv", index=False)
    return judge(network, found, pairs)


def main() -> None:
    """Reads the options, trains where there is no model, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="holds patches, shards and models; not the project")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--start", type=Path, help="weights to begin with")
    parser.add_argument("--model", type=Path, help="a trained network in place of training one")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--networks", nargs="+", default=["trained", "untrained 0", "untrained 1", "untrained 0, norm"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = pd.read_csv(options.data / "same_different.csv")
    rows = []
    for network in options.networks:
        if network == "trained":
            folder = options.model or train(
                training_photographs(options.data),
                options.work,
                start=options.start,
                epochs=options.epochs,
                seed=options.seed,
            )
            model = extraction_model(keras.saving.load_model(folder / "model.keras", compile=False))
        else:
            model = untrained(int(network.split()[1].rstrip(",")))
            model = by_norm(model) if network.endswith("norm") else model
        row = measure(network, model, options.data, pairs, options.work)
        rows.append(row)
        print(json.dumps(asdict(row)) if options.json else row, flush=True)
    if not options.json:
        print(pd.DataFrame(rows).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()

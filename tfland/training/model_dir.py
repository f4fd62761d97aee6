"""The folder of a trained model: what is in it, and whether it is finished."""

import hashlib
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfland.config import ExperimentConfig
from tfland.config_io import save_config
from tfland.data.labels import LabelMap
from tfland.training.curves import write_curves
from tfrecords_builder import schema
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.labels import write_labels

logger = logging.getLogger(__name__)

MODEL_FILE = "model.keras"
LAST_FILE = "last.keras"
CONFIG_FILE = "config.yaml"
METRICS_FILE = "metrics.json"
CURVES_FILE = "curves.png"
CHECKPOINTS_FOLDER = "checkpoints"
LOGS_FOLDER = "logs"


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """The metrics of a finished model, or None while it is not finished."""
    if not (folder / METRICS_FILE).exists() or not (folder / MODEL_FILE).exists():
        return None
    metrics: dict[str, Any] = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
    return metrics


def write_model(
    folder: Path, config: ExperimentConfig, label_map: LabelMap, network: keras.Model, metrics: dict[str, Any]
) -> dict[str, Any]:
    """Writes the model and what belongs to it; metrics.json comes last and marks the folder as finished.

    Args:
        folder: the model directory. Where it holds the weights of the best validation (`save_best`), those become
            model.keras, otherwise the last ones.
        config: the experiment.
        label_map: the classes.
        network: the trained model with its last weights; it leaves with those of model.keras.
        metrics: "epochs" (the scores of each), "best" (the entry of model.keras) and whatever else metrics.json shall
            hold.

    Returns:
        What metrics.json holds: `metrics` with "weights_sha256" (of model.keras) and "last_weights_sha256" (of
        last.keras).
    """
    best = metrics["best"]
    save_config(config, folder / CONFIG_FILE)
    write_labels(folder / schema.LABELS_FILE, label_map)
    write_curves(metrics["epochs"], folder / CURVES_FILE, best)
    save_network(network, folder / LAST_FILE)
    last_digest = weights_digest(network)
    if best["step"] != metrics["epochs"][-1]["step"]:
        network.load_weights(best_file(folder, int(best["step"])))
    save_network(network, folder / MODEL_FILE)
    metrics = {**metrics, "weights_sha256": weights_digest(network), "last_weights_sha256": last_digest}
    with atomic_write(folder / METRICS_FILE) as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")
    logger.info("wrote %s", folder)
    return metrics


def best_file(folder: Path, step: int) -> Path:
    """Where a model directory keeps the model of its best validation until the run ends."""
    return folder / CHECKPOINTS_FOLDER / f"best-{step}.keras"


def keep_best(folder: Path, step: int | None) -> None:
    """Removes the models of validations that are no longer the best; None removes all of them."""
    for path in (folder / CHECKPOINTS_FOLDER).glob("best-*.keras"):
        if step is None or path != best_file(folder, step):
            path.unlink()


def save_network(network: keras.Model, path: Path) -> None:
    """Writes a .keras file, whole or not at all."""
    # Keras takes a path that ends in .keras and writes to it piece by piece.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as temporary:
        partial = Path(temporary) / path.name
        network.save(partial)
        partial.replace(path)


def weights_digest(network: keras.Model) -> str:
    """sha256 over all weights, bit for bit."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()

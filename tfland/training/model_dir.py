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
from tfland.training.progress import write_curves
from tfrecords_builder import schema
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.labels import write_labels

logger = logging.getLogger(__name__)

MODEL_FILE = "model.keras"
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
) -> None:
    """Writes the model and what belongs to it; metrics.json comes last and marks the folder as finished.

    Args:
        folder: the model directory.
        config: the experiment.
        label_map: the classes.
        network: the trained model.
        metrics: "epochs" (the scores of each) and whatever else metrics.json shall hold.
    """
    save_config(config, folder / CONFIG_FILE)
    write_labels(folder / schema.LABELS_FILE, label_map)
    write_curves(metrics["epochs"], folder / CURVES_FILE)
    # Keras takes a path that ends in .keras and writes to it piece by piece.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as temporary:
        path = Path(temporary) / MODEL_FILE
        network.save(path)
        path.replace(folder / MODEL_FILE)
    with atomic_write(folder / METRICS_FILE) as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")
    logger.info("wrote %s", folder)


def weights_digest(network: keras.Model) -> str:
    """sha256 over all weights, bit for bit."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()

"""From a trained DELF to an extractor that `tfland verify --features delf:DIR` takes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from delf_verify.extract import DelfConfig, DelfExtractor, fit_extractor
from delf_verify.sources import PhotographSource
from tfland.config_io import load_config
from tfland.training.model_dir import CONFIG_FILE, MODEL_FILE
from tfrecords_builder.images import ImageRefused

logger = logging.getLogger(__name__)

# Photographs that the projection is fitted on; at 1000 descriptors each they fill `DelfConfig.pca_samples`.
SAMPLE = 200


def fit_delf(
    model_dir: Path,
    ids: Sequence[str],
    source: PhotographSource,
    config: DelfConfig,
    out: Path,
    *,
    sample: int = SAMPLE,
) -> DelfExtractor:
    """Fits DELF's projection on photographs and writes the extractor's folder.

    Args:
        model_dir: of a finished training of task "delf_attention".
        ids: photographs to choose the sample from; training ones, never queries.
        source: opens them.
        config: see `DelfConfig`.
        out: the folder.
        sample: photographs to fit on, spread evenly over the sorted ids; the unreadable are left out.

    Returns:
        The extractor.

    Raises:
        FileNotFoundError: there is no trained model.
        ValueError: the model is of another task, `sample` is not positive, or there are too few descriptors.
    """
    for name in (MODEL_FILE, CONFIG_FILE):
        if not (model_dir / name).is_file():
            raise FileNotFoundError(f"{model_dir / name} is missing; give the model_dir of a finished `tfland train`")
    task = load_config(model_dir / CONFIG_FILE).task
    if task != "delf_attention":
        raise ValueError(f"{model_dir} holds a model of task {task!r}; an extractor needs task 'delf_attention'")
    if sample < 1:
        raise ValueError(f"sample is {sample}; give at least 1 photograph")
    model = keras.saving.load_model(model_dir / MODEL_FILE, compile=False)
    chosen = sorted(ids)[:: max(1, len(ids) // sample)][:sample]
    return fit_extractor(model, _readable(source, chosen), config, out)


@dataclass(frozen=True)
class _Photographs(Sequence[np.ndarray]):
    """Photographs that are read when they are asked for: two hundred large ones would fill the memory."""

    source: PhotographSource
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return _Photographs(self.source, self.ids[row])
        return self.source.read(self.ids[row])


def _readable(source: PhotographSource, ids: Sequence[str]) -> _Photographs:
    """Those that can be read; each is read here once in vain, which costs little beside its extraction."""
    readable = []
    for image_id in ids:
        try:
            source.read(image_id)
        except ImageRefused as refusal:
            logger.warning("%s is left out: %s", image_id, refusal)
        else:
            readable.append(image_id)
    return _Photographs(source, readable)

"""DELF as an extractor: fitted to a model and a sample of images, saved as a folder, loaded by name."""

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from delf_verify import delf_files
from delf_verify.features import Extractor, LocalFeatures
from delf_verify.pca import Pca
from delf_verify.pyramid import DelfConfig, Pyramid
from tfrecords_builder.terminal import progress

if TYPE_CHECKING:
    import keras

__all__ = ["DelfConfig", "DelfExtractor", "fit_extractor", "load_extractor"]

# Raised whenever the same folder would give other features; stored features of the old version are then refused.
_VERSION = 2

logger = logging.getLogger(__name__)


class DelfExtractor:
    """Extracts DELF features: pyramid, attention, L2 -> PCA (whitened as an option) -> L2 (Noh et al. 2017; seed 003).

    Args:
        folder: what `fit_extractor` wrote. It loads without the package that trained the model.
        batch_size: images that run at once; None for what suits the device. See `Pyramid`: features depend on it by
            no more than rounding, and not at all on which images share a batch.

    Attributes:
        config: the settings.
        fingerprint: see `delf_verify.features.Extractor`; covers settings, weights and projection.

    Raises:
        FileNotFoundError: the folder or one of its files is missing.
        ValueError: a file is not what it should be.
        CheckFailed: the files do not belong together.
    """

    def __init__(self, folder: Path | str, batch_size: int | None = None) -> None:
        folder = Path(folder)
        self.config, description = delf_files.read_description(folder)
        model = delf_files.read_model(folder)
        self._pca = Pca.load(folder / delf_files.PCA)
        self._pyramid = Pyramid(model, self.config, batch_size)
        self.fingerprint = f"delf-v{_VERSION}-{hashlib.sha256(description).hexdigest()[:16]}"

    @classmethod
    def load(cls, folder: Path | str) -> "DelfExtractor":
        """The extractor that a folder holds; see the class."""
        return cls(folder)

    def extract(self, image: NDArray[np.uint8]) -> LocalFeatures:
        """The features of an image, highest attention first.

        Args:
            image: [H, W, 3] uint8 RGB.

        Returns:
            At most `config.max_features` features; none where the image is too small for every scale or no
            attention reaches the threshold. Scores are attentions; scales are sides of receptive boxes relative
            to those of the largest pyramid image.

        Raises:
            ValueError: the array is no RGB image.
        """
        return self._projected(self._pyramid.extract(image))

    def extract_many(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[LocalFeatures]:
        """The features of each image as `extract` gives them, in the order given; quicker on an accelerator.

        Args:
            images: [H, W, 3] uint8 RGB each; read a window ahead of what is yielded.

        Raises:
            ValueError: an array is no RGB image.
        """
        return map(self._projected, self._pyramid.extract_many(images))

    def _projected(self, features: LocalFeatures) -> LocalFeatures:
        return replace(features, descriptors=self._pca.project(features.descriptors))


def fit_extractor(
    model: "keras.Model", images: Collection[NDArray[np.uint8]], config: DelfConfig, out_dir: Path | str
) -> DelfExtractor:
    """Fits the projection on a sample of images and writes the extractor's folder.

    Every image gives its strongest `pca_samples / len(images)` descriptors at most.

    Args:
        model: a trained DELF: from `delf_verify.model.attention_stage`, or its loaded file.
        images: the sample, [H, W, 3] uint8 RGB each; may read them one at a time.
        config: see `DelfConfig`.
        out_dir: receives model.keras, pca.npz and delf.yaml; delf.yaml comes last and names the others by
            checksum, so that a folder which was written in part is refused.

    Returns:
        The extractor, loaded from that folder.

    Raises:
        ValueError: the model is no DELF, or the images give too few descriptors for the projection.
        OSError: the folder cannot be written.
    """
    from delf_verify.model import extraction_model

    model = extraction_model(model)
    pyramid = Pyramid(model, config)
    share = max(1, config.pca_samples // max(1, len(images)))
    samples = [np.zeros((0, pyramid.dimension), np.float32)]
    with progress("delf: features to fit the PCA", len(images)) as state:
        for features in pyramid.extract_many(images):
            samples.append(features.descriptors[:share])
            state.advance()
    descriptors = np.concatenate(samples)
    pca = Pca.fit(descriptors, config.pca_size, whiten=config.pca_whiten)
    variance = float(np.var(descriptors, axis=0, dtype=np.float64).sum())
    share_kept = 100 * float(pca.variances.sum()) / max(variance, 1e-12)
    logger.info(
        "delf: PCA to %d of %d dimensions keeps %.1f %% of the variance", *pca.components.shape[::-1], share_kept
    )
    delf_files.write(Path(out_dir), model, pca, config)
    return DelfExtractor(out_dir)


def load_extractor(spec: str) -> Extractor:
    """The extractor that a command's `--features` names.

    Args:
        spec: "sift" or "sift:oriented" (RootSIFT, upright or turned to its gradients); "delf:DIR" with the folder that
            `fit_extractor` wrote; or "savedmodel:DIR" with an official model (`delf_verify.saved_model`).

    Raises:
        ValueError: it is none of them.
        FileNotFoundError: the folder or one of its files is missing.
        CheckFailed: the folder's files do not belong together.
    """
    name, _, folder = spec.partition(":")
    if spec in ("sift", "sift:oriented"):
        from delf_verify.sift import RootSift, SiftConfig

        return RootSift(SiftConfig(upright=spec == "sift"))
    if name == "delf" and folder:
        return DelfExtractor(folder)
    if name == "savedmodel" and folder:
        from delf_verify.saved_model import SavedModelExtractor

        return SavedModelExtractor(folder)
    raise ValueError(
        f"unknown features {spec!r}; give 'sift', 'sift:oriented', 'delf:DIR' with the folder of a fitted DELF, or "
        "'savedmodel:DIR' with an official model"
    )

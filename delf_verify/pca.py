"""Projection of descriptors to fewer dimensions: L2-normalise, PCA, L2-normalise (Noh et al. 2017, section 4.2).

Whitening, an option, divides every direction by its standard deviation before the second normalisation, so that the
directions of the largest variance no longer decide alone (Jégou and Chum 2012, Negative evidences and co-occurences in
image retrieval, section 3; `use_whitening` of DELF's published code).
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfrecords_builder.atomic import atomic_write

_TINY = 1e-12
# Whitening divides by standard deviations: a direction with less than this share of the largest variance is noise of
# float32 arithmetic, which whitening would blow up to full size.
_LEAST_VARIANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Pca:
    """A fitted projection from D to d dimensions.

    Attributes:
        mean: [D] float32, of the L2-normalised descriptors.
        components: [D, d] float32, orthonormal columns by falling variance.
        variances: [d] float32, along the components.
        whiten: divide the projected numbers by the square roots of the variances.

    Raises:
        ValueError: the shapes do not fit together, a number is not finite, or whitening would divide by (nearly) 0.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    variances: NDArray[np.float32]
    whiten: bool = False

    def __post_init__(self) -> None:
        for name in ("mean", "components", "variances"):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if not np.isfinite(array).all():
                raise ValueError(f"pca: {name} holds a value that is not finite")
            object.__setattr__(self, name, array)
        if self.components.ndim != 2 or (len(self.mean),) != self.mean.shape:
            raise ValueError(
                f"pca: mean must be [D] and components [D, d], got {list(self.mean.shape)} and "
                f"{list(self.components.shape)}"
            )
        if self.components.shape != (len(self.mean), len(self.variances)):
            raise ValueError(
                f"pca: components {list(self.components.shape)} do not fit mean {list(self.mean.shape)} and "
                f"variances {list(self.variances.shape)}"
            )
        if self.whiten and (flat := int((self.variances <= _LEAST_VARIANCE * self.variances.max()).sum())):
            raise ValueError(
                f"pca: {flat} of {len(self.variances)} directions have no variance to whiten by; give a smaller size "
                "or more images"
            )

    @classmethod
    def fit(cls, descriptors: NDArray[np.floating], size: int, *, whiten: bool = False) -> "Pca":
        """The projection to the `size` directions of the largest variance.

        Args:
            descriptors: [N, D] float, N > size; a sample of many images.
            size: d, dimensions to keep, at most D.
            whiten: see the class.

        Raises:
            ValueError: too few descriptors, `size` is out of range, or a direction has no variance to whiten by.
        """
        count, dimension = descriptors.shape
        if not 1 <= size <= dimension:
            raise ValueError(f"pca: size must be from 1 to the descriptors' {dimension} dimensions, got {size}")
        if count <= size:
            raise ValueError(f"pca: {count} descriptors are too few for {size} dimensions; use more images")
        unit = normalize(descriptors)
        if not np.isfinite(unit).all():
            raise ValueError("pca: a descriptor holds a value that is not finite; check the extractor")
        mean = unit.mean(axis=0, dtype=np.float64)
        centred = unit - mean
        values, vectors = np.linalg.eigh(centred.T @ centred / (count - 1))
        vectors = vectors[:, ::-1][:, :size]
        # An eigenvector's sign is arbitrary; a fixed one makes the fit the same on every machine.
        largest = np.abs(vectors).argmax(axis=0)
        vectors = vectors * np.sign(vectors[largest, np.arange(size)])
        return cls(mean, vectors, np.maximum(values[::-1][:size], 0), whiten)

    def project(self, descriptors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Descriptors [N, D] float -> [N, d] float32 of unit length.

        Raises:
            ValueError: the descriptors are not D long.
        """
        if descriptors.ndim != 2 or descriptors.shape[1] != len(self.mean):
            raise ValueError(
                f"pca: descriptors must be [N, {len(self.mean)}], got {list(descriptors.shape)}: "
                "the projection was fitted on other features"
            )
        projected = (normalize(descriptors) - self.mean) @ self.components
        return normalize(projected / np.sqrt(self.variances) if self.whiten else projected)

    def save(self, path: Path | str) -> None:
        """Writes the projection as .npz, whole or not at all; the same projection gives the same bytes."""
        with atomic_write(path, "wb") as file:
            np.savez(
                file, mean=self.mean, components=self.components, variances=self.variances, whiten=np.array(self.whiten)
            )

    @classmethod
    def load(cls, path: Path | str) -> "Pca":
        """Reads what `save` wrote; a file from before there was whitening does not whiten.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not such a file; the message names it.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                whiten = bool(arrays["whiten"]) if "whiten" in arrays else False
                return cls(arrays["mean"], arrays["components"], arrays["variances"], whiten)
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no PCA projection: {error}") from error


def normalize(descriptors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows [N, D] float scaled to unit length, float32; a row of zeros stays one."""
    rows = np.asarray(descriptors, dtype=np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(_TINY))

"""Training data for a DELF from unlabelled photographs: warped copies of patches, each patch a class of its own.

    python benchmarks/delf_patches.py --photographs FILE... --out DIR [--classes 1200] [--copies 12]

Dosovitskiy et al. 2014 (Discriminative Unsupervised Feature Learning with Convolutional Neural Networks,
https://arxiv.org/abs/1406.6909) train a network to tell such classes apart, and find that its features match patches
of other photographs. A copy differs by a homography (scale, rotation, shift, perspective), colour and blur: what a
change of viewpoint does to a plane. Writes DIR/train/a/b/c/ID.jpg and DIR/train.csv, which `tfland build shards` reads.
"""

import argparse
import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# Sides in pixels: of the photographs that patches are cut from at most, of a patch there, of a copy.
MAX_SIDE, SMALLEST, LARGEST, COPY_SIDE = 640, 64, 200, 112
# Grey values of a patch must vary by this standard deviation: sky and water are no classes.
LEAST_CONTRAST = 18.0
# A place is tried so often before the photograph is left with fewer patches.
TRIES = 20


def write_patches(photographs: Sequence[Path], out: Path, *, classes: int, copies: int, seed: int) -> int:
    """Writes `copies` of each of about `classes` patches, spread evenly over the photographs.

    Returns:
        The number of classes; photographs without contrast give fewer.

    Raises:
        ValueError: a photograph cannot be read.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, int]] = []
    label = 0
    shares = np.diff(np.linspace(0, classes, len(photographs) + 1).round().astype(int))
    for path, share in zip(photographs, shares, strict=True):
        image = _read(path)
        for corners in _places(image, int(share), rng):
            for copy in range(copies):
                name = hashlib.sha256(f"{label}/{copy}".encode()).hexdigest()[:16]
                _write(out / "train" / name[0] / name[1] / name[2] / f"{name}.jpg", warped(image, corners, rng))
                rows.append((name, label))
            label += 1
    with (out / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "landmark_id"))
        writer.writerows(rows)
    return label


def warped(image: Image, corners: NDArray[np.float64], rng: np.random.Generator) -> Image:
    """A random view [COPY_SIDE, COPY_SIDE, 3] of the square with `corners` [4, 2] (x, y) of an image."""
    centre, side = corners.mean(axis=0), corners[1, 0] - corners[0, 0]
    angle, scale = np.radians(rng.uniform(-12, 12)), np.exp(rng.uniform(-0.3, 0.3))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = (corners - centre) @ turn * np.exp(rng.uniform(-0.15, 0.15, 2)) + centre
    source += rng.uniform(-0.08, 0.08, 2) * side + rng.uniform(-0.08, 0.08, (4, 2)) * side
    target = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * COPY_SIDE - 0.5
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    # Shrinking by more than two would alias; a blur of the photograph first costs less than an area filter here.
    view = cv2.warpPerspective(
        image, matrix, (COPY_SIDE, COPY_SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return _recoloured(view, rng)


def _recoloured(view: Image, rng: np.random.Generator) -> Image:
    """Another light: gamma, contrast, tint; one in three is blurred, one in three is noisy."""
    unit = (view.astype(np.float32) / 255) ** np.exp(rng.uniform(-0.5, 0.5))
    unit = (unit - 0.5) * rng.uniform(0.6, 1.3) + 0.5 + rng.uniform(-0.12, 0.12)
    unit *= rng.uniform(0.85, 1.15, 3).astype(np.float32)
    if rng.random() < 0.15:
        unit = np.repeat(unit.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < 1 / 3:
        unit = cv2.GaussianBlur(unit, (0, 0), rng.uniform(0.5, 1.5))
    if rng.random() < 1 / 3:
        unit = unit + rng.normal(0, 0.03, unit.shape).astype(np.float32)
    return np.clip(unit * 255, 0, 255).round().astype(np.uint8)


def _places(image: Image, count: int, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Corners [4, 2] (x, y), clockwise from the top left, of squares with contrast at random places and sizes."""
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    places: list[NDArray[np.float64]] = []
    for _ in range(TRIES * count):
        if len(places) == count:
            break
        largest = min(LARGEST, height - 1, width - 1)
        side = float(np.exp(rng.uniform(np.log(min(SMALLEST, largest)), np.log(largest))))
        left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
        inside = grey[int(top) : int(top + side), int(left) : int(left + side)]
        if inside.std() >= LEAST_CONTRAST:
            places.append(np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * side + (left, top))
    return places


def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} cannot be read as a photograph")
    factor = min(1.0, MAX_SIDE / max(image.shape[:2]))
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _write(path: Path, view: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), view, [cv2.IMWRITE_JPEG_QUALITY, 92]):
        raise OSError(f"cannot write {path}")


def main() -> None:
    """Reads the options and writes the patches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--classes", type=int, default=1200)
    parser.add_argument("--copies", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    count = write_patches(
        sorted(options.photographs), options.out, classes=options.classes, copies=options.copies, seed=options.seed
    )
    print(f"{options.out}: {count} classes of {options.copies} copies")


if __name__ == "__main__":
    main()

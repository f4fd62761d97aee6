"""Several classifiers of different classes, and which of them a photograph is assigned to (seed 000, 3.1 and 4.3.2)."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfland.recognition.voting import Candidates
from tfrecords_builder.atomic import atomic_write


def class_factors(num_classes: Sequence[int]) -> np.ndarray:
    """Returns [S] float64, what makes the probabilities of S classifiers comparable.

    `p * ClassNum[current] / max(ClassNum)` (seed 000, equation 1): of few classes a high probability is no feat.

    Args:
        num_classes: ClassNum, the number of classes of each.
    """
    counts = np.asarray(num_classes, dtype=np.float64)
    return counts / counts.max()


def merge_best(parts: Sequence[Candidates]) -> Candidates:
    """The candidates of several classifiers together; of a landmark that two of them name the better score stays."""
    everything = Candidates.sort(
        np.concatenate([part.query_rows for part in parts]),
        np.concatenate([part.landmark_ids for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )
    # Sorted by score: the first of each pair of query and landmark is its best.
    pairs = np.stack([everything.query_rows, everything.landmark_ids], axis=1)
    first = np.sort(np.unique(pairs, axis=0, return_index=True)[1])
    return Candidates(
        query_rows=everything.query_rows[first],
        landmark_ids=everything.landmark_ids[first],
        scores=everything.scores[first],
    )


@dataclass(frozen=True, kw_only=True)
class CrossAssignment:
    """How often photographs are assigned to the right one of S classifiers.

    Attributes:
        names: [S], of the classifiers.
        num_classes: [S].
        counts: [S, S] int: photographs of the classes of the row's classifier that the column's was surest of, its
            probability times its factor.
        plain_counts: [S, S] int, the same without the factors.
    """

    names: Sequence[str]
    num_classes: Sequence[int]
    counts: np.ndarray
    plain_counts: np.ndarray

    @property
    def right_share(self) -> float:
        """Share of all photographs that their own classifier is surest of; more than 60 % in seed 000."""
        return float(np.trace(self.counts) / max(self.counts.sum(), 1))


def cross_assign(
    names: Sequence[str], num_classes: Sequence[int], probabilities: np.ndarray, homes: np.ndarray
) -> CrossAssignment:
    """Counts which classifier is surest of each photograph.

    Args:
        names: [S], of the classifiers.
        num_classes: [S].
        probabilities: [S, N] float, the largest probability that each classifier gives each photograph.
        homes: [N] int, the classifier that has the photograph's landmark; -1 where none has (they are left out).
    """
    known = homes >= 0
    scaled = probabilities[:, known] * class_factors(num_classes)[:, None]
    return CrossAssignment(
        names=names,
        num_classes=num_classes,
        counts=_count(homes[known], scaled.argmax(axis=0), len(names)),
        plain_counts=_count(homes[known], probabilities[:, known].argmax(axis=0), len(names)),
    )


def write_cross_assignment(folder: Path, table: CrossAssignment) -> tuple[Path, Path]:
    """Writes cross_assignment.csv and .png; returns their paths.

    The table has a row a classifier: its name and classes, its photographs, how many of them each classifier is surest
    of, the share that it is surest of itself, and that share without the factors.
    """
    path, picture = folder / "cross_assignment.csv", folder / "cross_assignment.png"
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        assigned = [f"assigned to {name}" for name in table.names]
        writer.writerow(["classifier", "classes", "photographs", *assigned, "right", "right_without_factor"])
        for place, name in enumerate(table.names):
            row, plain = table.counts[place], table.plain_counts[place]
            shares = [f"{part[place] / max(part.sum(), 1):.4f}" for part in (row, plain)]
            writer.writerow([name, table.num_classes[place], row.sum(), *row, *shares])
    with atomic_write(picture, "wb") as file:
        file.write(_draw(table))
    return path, picture


def _count(homes: np.ndarray, chosen: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(homes * size + chosen, minlength=size * size).reshape(size, size)


def _draw(table: CrossAssignment) -> bytes:
    """A PNG: a square for each pair, with the row's share and the count in it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = len(table.names)
    shares = table.counts / np.maximum(table.counts.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 1.1 * size
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for row, column in np.ndindex(size, size):
        ink = "white" if shares[row, column] > 0.6 else "black"
        text = f"{shares[row, column]:.0%}\n{table.counts[row, column]}"
        axes.text(column, row, text, ha="center", va="center", color=ink)
    labels = [f"{name}\n{count} classes" for name, count in zip(table.names, table.num_classes, strict=True)]
    axes.set_xticks(range(size), labels, rotation=20 if size > 2 else 0)
    axes.set_yticks(range(size), labels)
    axes.set(xlabel="surest classifier", ylabel="classifier of the photograph's landmark")
    axes.set_title(f"{table.right_share:.1%} of {table.counts.sum()} photographs assigned right")
    figure.colorbar(image, label="share of the row")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    return picture.getvalue()

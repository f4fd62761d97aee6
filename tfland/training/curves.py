"""curves.png: how a run went, one picture."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfland.training.progress import Epoch
from tfrecords_builder.atomic import atomic_write

# Title, and for each line its key in the history, its name and its colour.
_Line = tuple[str, str, str]
_TRAIN, _VALIDATION, _KNN, _BEST = "#4477aa", "#ee6677", "#228833", "#999999"
_PANELS: tuple[tuple[str, tuple[_Line, ...]], ...] = (
    ("loss", (("train_loss", "training", _TRAIN), ("validation_loss", "validation", _VALIDATION))),
    ("top-1", (("train_top1", "training", _TRAIN), ("validation_top1", "validation", _VALIDATION))),
    (
        "validation GAP",
        (
            ("validation_gap", "head", _VALIDATION),
            ("validation_knn_gap", "kNN", _KNN),
            ("validation_auc", "AUC of the gate", _VALIDATION),
        ),
    ),
    ("learning rate", (("learning_rate", "at each period's end", _TRAIN),)),
)


def write_curves(epochs: Sequence[Epoch], path: Path, best: Epoch | None = None) -> None:
    """Draws loss, top-1, GAP and learning rate by epoch as a PNG; the same history gives the same bytes.

    Args:
        epochs: the history; what an entry lacks is left out.
        path: the picture.
        best: the entry of the best model, marked by a vertical line.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, lines) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        _draw(axes, epochs, lines)
        if best is not None:
            axes.axvline(best["epoch"], color=_BEST, linestyle="--", linewidth=1, label="best model")
        axes.set(title=title, xlabel="epoch")
        axes.set_xlim(0, max([epoch["epoch"] for epoch in epochs], default=1) * 1.02)
        axes.xaxis.set_major_locator(MaxNLocator(integer=len(epochs) > 1))
        axes.grid(visible=True, alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
        else:
            axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=_BEST)
    picture = io.BytesIO()
    # Without the version of matplotlib in it the same epochs give the same bytes everywhere.
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    with atomic_write(path, "wb") as file:
        file.write(picture.getvalue())


def _draw(axes: Any, epochs: Sequence[Epoch], lines: Sequence[_Line]) -> None:
    for key, name, colour in lines:
        points = [(epoch["epoch"], epoch[key]) for epoch in epochs if key in epoch]
        if points:
            # Markers while there are few: a line of one point would not show.
            marker = "o" if len(points) <= 40 else ""
            axes.plot(*zip(*points, strict=True), marker=marker, markersize=3.5, color=colour, label=name)

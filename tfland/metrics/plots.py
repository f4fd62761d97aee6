"""Plots of scores: F1 over the classes and against their size (seed 002, figure 7 and section 5), precision by rank."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfland.metrics.figures import BLUE, DARK, GREEN, GREY, RED, new_figure, save
from tfland.metrics.judged import Judged

_BINS = 20
# With more classes points would be one blot: then a density is drawn.
_POINTS = 1000
_CURVE_POINTS = 4000


def plot_f1_histogram(path: Path, f1: np.ndarray) -> None:
    """Writes a PNG: how many classes have which F1.

    Args:
        path: the file.
        f1: [C] float, of the classes that at least one query shows.
    """
    from matplotlib.ticker import MaxNLocator

    figure, (axes,) = new_figure()
    counts, edges = np.histogram(f1, bins=_BINS, range=(0, 1))
    bars = axes.bar(edges[:-1], counts, width=0.92 / _BINS, align="edge", color=BLUE)
    labels = [
        f"{count:,}" if count and (len(f1) <= _POINTS or place in (0, _BINS - 1)) else ""
        for place, count in enumerate(counts)
    ]
    axes.bar_label(bars, labels, fontsize=8, color=DARK, padding=2)
    for value, name, colour, height in ((np.mean(f1), "mean", RED, 0.985), (np.median(f1), "median", GREEN, 0.95)):
        # Above the bars and their numbers.
        axes.plot(value, height, "v", color=colour, transform=axes.get_xaxis_transform(), label=f"{name} {value:.3f}")
    axes.margins(y=0.16)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", alpha=0.25)
    axes.set(xlabel=f"F1 of a class (bars of {1 / _BINS:g})", ylabel="classes", xlim=(-0.01, 1.01))
    axes.set_title(f"F1 of {classes(len(f1))}", loc="left")
    axes.legend(frameon=False, loc="upper left" if np.mean(f1) > 0.5 else "upper right")
    save(figure, path)


def plot_f1_by_size(path: Path, f1: np.ndarray, sizes: np.ndarray, *, unit: str) -> None:
    """Writes a PNG: F1 of the classes against their size, with median and quartiles by size.

    Args:
        path: the file.
        f1: [C] float.
        sizes: [C] int; classes of size 0 are left out and counted in the title.
        unit: what the size counts, for the axis.
    """
    from matplotlib.colors import LogNorm

    known = sizes > 0
    f1, sizes, left_out = f1[known], sizes[known], int((~known).sum())
    figure, (axes,) = new_figure(width=7.6)
    edges = size_edges(sizes, bins=min(12, max(3, len(f1) // 10)))
    if len(f1) <= _POINTS:
        axes.scatter(sizes, f1, s=18, color=BLUE, alpha=0.55, linewidths=0, label="a class")
    else:
        drawn = axes.hist2d(sizes, f1, bins=[edges, np.linspace(0, 1, _BINS + 1)], cmap="Blues", norm=LogNorm())
        figure.colorbar(drawn[3], ax=axes, label="classes", pad=0.01)
    centres, quartiles = _quartiles(f1, sizes, edges)
    axes.plot(centres, quartiles[1], color=RED, linewidth=2, marker="o", markersize=4, label="median")
    for place, name in ((0, None), (2, "quartiles")):
        axes.plot(centres, quartiles[place], color=RED, linewidth=1, linestyle="--", label=name)
    axes.set_xscale("log")
    _plain_log_axis(axes.xaxis, sizes)
    axes.grid(alpha=0.25)
    axes.set(xlabel=f"{unit} (logarithmic)", ylabel="F1", ylim=(-0.03, 1.03))
    rest = f"; {left_out:,} of unknown size left out" if left_out else ""
    axes.set_title(f"F1 against class size, {classes(len(f1))}{rest}", loc="left")
    axes.legend(frameon=True, framealpha=0.8, edgecolor="none", loc="lower right")
    save(figure, path)


def plot_precision_by_rank(path: Path, parts: Mapping[str, Judged]) -> None:
    """Writes a PNG: precision among the first i predictions against the recall there; the area is nearly GAP.

    Args:
        path: the file.
        parts: predictions by name.
    """
    figure, (axes,) = new_figure()
    for (name, judged), colour in zip(parts.items(), (BLUE, RED, GREEN, GREY), strict=False):
        hits = np.cumsum(judged.right)
        ranks = np.arange(1, len(hits) + 1)
        # Enough points for any screen, and the last one.
        shown = np.unique(np.linspace(0, max(len(hits) - 1, 0), min(len(hits), _CURVE_POINTS)).astype(np.int64))
        recall, precision = hits[shown] / judged.num_landmark_queries, hits[shown] / ranks[shown]
        axes.plot(recall, precision, color=colour, linewidth=1.8, label=name, marker="o" if len(hits) == 1 else None)
    axes.grid(alpha=0.25)
    axes.set(xlabel="share of the landmark queries recognised", ylabel="precision so far", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title("Precision as predictions are taken by falling score", loc="left")
    axes.legend(frameon=False, loc="lower left")
    save(figure, path)


def plot_changes(path: Path, counts: Mapping[str, int], names: Sequence[str]) -> None:
    """Writes a PNG: how many queries changed how.

    Args:
        path: the file.
        counts: of `tfland.metrics.compare.count_changes`.
        names: what stands before and after, for the title.
    """
    colours = {"gained": GREEN, "lost": RED, "newly_wrong": RED, "withdrawn": GREEN}
    from matplotlib.ticker import MaxNLocator

    figure, (axes,) = new_figure(height=3.4)
    kinds = [kind for kind in counts if not kind.startswith("same")][::-1]
    bars = axes.barh([kind.replace("_", " ") for kind in kinds], [counts[kind] for kind in kinds])
    for kind, bar in zip(kinds, bars, strict=True):
        bar.set_color(colours.get(kind, GREY))
    axes.bar_label(bars, [f"{counts[kind]:,}" for kind in kinds], padding=3)
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set(xlabel=f"queries ({counts['same']:,} more keep their landmark)", xlim=(0, None))
    axes.set_title(f"From {names[0]} to {names[1]}", loc="left")
    save(figure, path)


def classes(count: int) -> str:
    """Returns "1 class" or "1,234 classes"."""
    return f"{count:,} class{'' if count == 1 else 'es'}"


def size_edges(sizes: np.ndarray, bins: int = 12) -> np.ndarray:
    """Returns the edges of about `bins` bins of class sizes, of equal ratio, between whole numbers."""
    if not len(sizes):
        return np.array([0.5, 1.5])
    edges = np.unique(np.geomspace(sizes.min(), sizes.max() + 1, bins + 1).round())
    return edges - 0.5


def _quartiles(f1: np.ndarray, sizes: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the bins' centres [B] and the quartiles [3, B] of F1 in each bin that has a class."""
    bins = np.digitize(sizes, edges)
    used = np.unique(bins)
    quartiles = np.array([np.quantile(f1[bins == number], [0.25, 0.5, 0.75]) for number in used])
    centres = np.array([np.exp(np.log(sizes[bins == number]).mean()) for number in used])
    return centres, quartiles.reshape(-1, 3).T


def _plain_log_axis(axis: object, sizes: np.ndarray) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    wide = len(sizes) and sizes.max() > 1000 * sizes.min()
    # Over less than three decades powers of ten alone would label one tick or none.
    axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))  # type: ignore[attr-defined]
    axis.set_major_formatter("{x:,.0f}")  # type: ignore[attr-defined]
    axis.set_minor_formatter(NullFormatter())  # type: ignore[attr-defined]

"""Whether a confidence of 70 % is right seven times in ten: the reliability table, its picture and its one number."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder.atomic import atomic_write

_BINS = 10
_Z_975 = 1.96
_COLOURS = ("#ee6677", "#4477aa", "#228833")


def reliability_table(confidences: np.ndarray, right: np.ndarray, bins: int = _BINS) -> pd.DataFrame:
    """Returns how often predictions of about equal confidence are right.

    Args:
        confidences: [N] float in [0, 1].
        right: [N] bool.
        bins: of equal width; empty ones are left out.

    Returns:
        Columns low, high (the bin), predictions, confidence (mean) and right (share).

    Raises:
        ValueError: a confidence lies outside [0, 1].
    """
    if len(confidences) and not ((confidences >= 0) & (confidences <= 1)).all():
        low, high = confidences.min(), confidences.max()
        raise ValueError(
            f"confidences reach from {low:.4g} to {high:.4g}; only probabilities in [0, 1] can be reliable"
        )
    places = np.minimum((confidences * bins).astype(int), bins - 1)
    counts = np.bincount(places, minlength=bins)
    full = np.flatnonzero(counts)
    sums = [np.bincount(places, weights=values, minlength=bins)[full] for values in (confidences, right.astype(float))]
    return pd.DataFrame(
        {
            "low": full / bins,
            "high": (full + 1) / bins,
            "predictions": counts[full],
            "confidence": sums[0] / counts[full],
            "right": sums[1] / counts[full],
        }
    )


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Returns the mean distance between confidence and share of right predictions, by predictions.

    Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 3.
    """
    distance = (table["confidence"] - table["right"]).abs() * table["predictions"]
    return float(distance.sum() / max(table["predictions"].sum(), 1))


def _wilson(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % confidence intervals of the shares of right predictions."""
    share, total = table["right"].to_numpy(np.float64), table["predictions"].to_numpy(np.float64)
    spread = _Z_975 * np.sqrt(share * (1 - share) / total + _Z_975**2 / (4 * total**2))
    middle, scale = share + _Z_975**2 / (2 * total), 1 + _Z_975**2 / total
    return (middle - spread) / scale, (middle + spread) / scale


def draw_reliability(path: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Draws reliability tables as a PNG: share of right predictions by confidence, and how many there are.

    The bars are 95 % confidence intervals of the shares (Wilson 1927): a few predictions say little.

    Args:
        path: the picture.
        tables: from `reliability_table`, by what the legend calls them; at most three.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 7), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    upper.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="perfect")
    for place, (name, table) in enumerate(tables.items()):
        colour, error = _COLOURS[place], expected_calibration_error(table)
        label = f"{name}: {error:.1%} off on average"
        upper.plot(table["confidence"], table["right"], marker="o", markersize=4, color=colour, label=label)
        upper.vlines(table["confidence"], *_wilson(table), color=colour, alpha=0.5, linewidth=1.2)
        width = 0.08 / len(tables)
        centres = (table["low"] + table["high"]) / 2 + (place - (len(tables) - 1) / 2) * width
        lower.bar(centres, table["predictions"], width=width, color=colour)
    upper.set(ylabel="share of right predictions", xlim=(0, 1), ylim=(0, 1))
    upper.legend(fontsize=8, loc="upper left")
    lower.set(xlabel="confidence", ylabel="predictions")
    lower.set_yscale("symlog")
    for axes in (upper, lower):
        axes.grid(visible=True, alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    with atomic_write(path, "wb") as file:
        file.write(picture.getvalue())

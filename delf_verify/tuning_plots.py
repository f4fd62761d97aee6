"""Pictures of a tuning: histograms of inliers, and what every threshold keeps."""

import io
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.tuning import TuningResult

_TRUE, _FALSE, _THRESHOLD, _OBJECTIVE, _PRECISION = "#1a7f5a", "#c2452d", "#30343b", "#2f5fa8", "#b8860b"
_BARS, _WHOLE, _LINEAR = 24, 12, 30
_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def inlier_histogram(inliers: NDArray[np.floating], is_true: NDArray[np.bool_], threshold: float) -> bytes:
    """A PNG: how many true and false predictions have how many inliers, and where the threshold lies.

    The axis is that of log(1 + inliers), which spreads the small counts on which the decision falls. Both kinds stand
    one above the other, on scales of their own: where the false are many, the true would be out of sight.

    Args:
        inliers: [N] float; NaN (nothing compared) is left out.
        is_true: [N] bool.
        threshold: drawn as a vertical line.
    """
    figure, (upper, lower) = _figure(2, 1, (7.0, 5.0), sharex=True)
    known = ~np.isnan(inliers)
    top = max(float(inliers[known].max()) if known.any() else 0.0, threshold * 1.5, 10.0)
    # A bar for every whole number as long as there are few; bars of equal width on the logarithmic axis beyond.
    many = np.geomspace(_WHOLE, max(top + 1, 2 * _WHOLE), _BARS)
    edges = np.unique(np.concatenate([np.arange(_WHOLE), np.ceil(many)])) - 0.5
    for axes, mask, colour, name in ((upper, is_true, _TRUE, "true"), (lower, ~is_true, _FALSE, "false")):
        values = inliers[mask & known]
        above = int((values >= threshold).sum())
        axes.hist(np.log1p(values), bins=np.log1p(edges).tolist(), color=colour, edgecolor="white", linewidth=0.5)
        axes.axvline(np.log1p(max(threshold - 0.5, -0.5)), color=_THRESHOLD, linestyle="--", linewidth=1)
        share = f", {above / len(values):.1%} of them at or above {threshold:g}" if len(values) else ""
        axes.set_title(f"{len(values)} {name}{share}", fontsize=10, loc="left", color=colour)
        axes.set(ylabel="predictions")
        axes.yaxis.get_major_locator().set_params(integer=True)
    ticks = [tick for tick in _TICKS if tick <= top]
    lower.set_xticks(np.log1p(ticks).tolist(), [str(tick) for tick in ticks])
    lower.set(xlabel="largest number of inliers", xlim=(np.log1p(-0.5), np.log1p(edges[-1])))
    return _png(figure)


def threshold_sweeps(result: TuningResult) -> bytes:
    """A PNG with a panel a threshold: precision, recall and objective over its range, the others held as chosen."""
    sweeps = _sweeps(result)
    rows, columns = (len(sweeps) + 1) // 2, min(len(sweeps), 2)
    figure, panels = _figure(rows, columns, (5.6 * columns, 3.7 * rows + 0.4))
    names: dict[str, Any] = {}
    for axes, (label, table, chosen, decides) in zip(panels, sweeps, strict=False):
        cuts = table.iloc[:, 0].to_numpy(np.float64)
        at = int(np.argmin(np.abs(cuts - chosen)))
        for column, colour, name in _LINES:
            # Where the objective is precision or recall it is drawn once.
            if column not in table or (column == "objective" and result.all_kept.name in ("precision", "recall")):
                continue
            values = table[column].to_numpy(np.float64)
            (line,) = axes.plot(cuts, values, color=colour, linewidth=1.8)
            axes.plot(cuts[at], values[at], marker="o", markersize=5, color=colour)
            names.setdefault(name or result.all_kept.name, line)
        axes.axvline(chosen, color=_THRESHOLD, linestyle="--", linewidth=1)
        axes.set(xlabel=label, ylim=(0, 1.03))
        _scale(axes, cuts)
        axes.set_title(f"chosen {chosen:.4g}{decides}", fontsize=10, loc="left", color=_THRESHOLD)
    for axes in panels[len(sweeps) :]:
        axes.set_visible(False)
    columns = 5 if len(names) <= 5 else 3
    figure.legend(names.values(), names.keys(), loc="outside upper left", ncols=columns, frameon=False, fontsize=9)
    return _png(figure)


_LINES = (
    ("precision", _PRECISION, "precision of the kept"),
    ("true_kept", _TRUE, "recall (share of the true kept)"),
    ("false_kept", _FALSE, "share of the false kept"),
    ("objective", _OBJECTIVE, ""),
    ("distractors_below", "#7a4fa3", "distractors called so"),
    ("wrong_below", "#8a8f98", "wrong landmarks called so"),
)


def _sweeps(result: TuningResult) -> list[tuple[str, pd.DataFrame, float, str]]:
    """Label, table (its first column is the threshold, ascending), the chosen value and who decides, a panel."""
    rule, table = result.thresholds, result.inliers.table
    marks = {name: "; this rule decides" if result.rule == name else "" for name in ("inliers", "probability")}
    if "mean_inliers" not in table:
        found = [("inliers from which a pair is accepted", table, rule.max_inliers, marks["inliers"])]
    else:
        found = []
        for swept, held, label in (
            ("max_inliers", "mean_inliers", "largest number of inliers that confirms"),
            ("mean_inliers", "max_inliers", "mean number of inliers above which it is confirmed"),
        ):
            rows = table[table[held] == getattr(rule, held)].sort_values(swept)
            columns = [swept, *(name for name in rows.columns if name != swept)]
            found.append((label, rows[columns], getattr(rule, swept), marks["inliers"]))
    if len(result.distractors):
        label = "of the dropped: mean below which it is a distractor"
        found.append((label, result.distractors, rule.distractor_inliers, ""))
    if result.probability is not None:
        cut = result.probability.cuts[0]
        found.append(("probability that confirms", result.probability.table, cut, marks["probability"]))
    return [(name, _without_empty_precision(rows), cut, mark) for name, rows, cut, mark in found]


def _without_empty_precision(table: pd.DataFrame) -> pd.DataFrame:
    """Where nothing is kept there is no precision to draw."""
    if "precision" not in table:
        return table
    return table.assign(precision=table["precision"].where(table["num_true"] + table["num_false"] > 0))


def _scale(axes: Any, values: NDArray[np.float64]) -> None:
    """Counts that reach far: an axis of log(1 + count), as in the histogram."""
    if len(values) and values.max() > _LINEAR:
        axes.set_xscale("function", functions=(np.log1p, np.expm1))
        ticks = [tick for tick in _TICKS if tick <= values.max()]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_xlim(left=0)


def _figure(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, list[Any]]:
    # Imported here: only tuning plots; and without pyplot there is no global state and no display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.25)
    return figure, panels


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    # Without the Software entry the bytes depend on the figure alone.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()

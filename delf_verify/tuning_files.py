"""What tuning leaves behind: the thresholds, tables of the sweeps and the figures, plots; and what it says."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.aims import Figures
from delf_verify.decision import save_thresholds
from delf_verify.labelled_sample import LabelledSample
from delf_verify.reliability import draw_reliability, reliability_table
from delf_verify.tuning import RuleTuning, TuningResult
from delf_verify.tuning_plots import inlier_histogram, threshold_sweeps
from tfrecords_builder.atomic import atomic_write


def write_tuning(out: Path, result: TuningResult, sample: LabelledSample) -> list[Path]:
    """Writes `out` (thresholds, YAML) and beside it tables and plots.

    NAME_sweep.csv (every pair of thresholds of the inliers), NAME_probability.csv (every probability; if there is a
    fit), NAME_figures.csv (both rules, in-sample and held out), NAME_sweep.png, NAME_inliers.png and
    NAME_reliability.png (if there is a fit; probabilities of held-out rows).

    Args:
        out: the YAML file; it is written last.
        result: of the tuning.
        sample: on which it was made.

    Returns:
        The files written, the YAML first.

    Raises:
        OSError: the folder cannot be written.
    """
    files = []
    tables = {"sweep": result.inliers.table, "figures": figures_table(result)}
    if result.probability is not None:
        tables["probability"] = result.probability.table
    for name, table in tables.items():
        files.append(out.with_name(f"{out.stem}_{name}.csv"))
        with atomic_write(files[-1], newline="") as file:
            table.round(6).to_csv(file, index=False, lineterminator="\n")
    threshold = result.thresholds.max_inliers
    pictures = {
        "sweep": threshold_sweeps(result),
        "inliers": inlier_histogram(sample.numbers("max_inliers"), sample.is_true, threshold),
    }
    for name, picture in pictures.items():
        files.append(out.with_name(f"{out.stem}_{name}.png"))
        with atomic_write(files[-1], "wb") as file:
            file.write(picture)
    known = np.isfinite(result.probabilities)
    if known.any():
        files.append(out.with_name(f"{out.stem}_reliability.png"))
        table = reliability_table(result.probabilities[known], sample.is_true[known])
        draw_reliability(files[-1], {"probability, held out": table})
    save_thresholds(result.thresholds, out)
    return [out, *files]


def figures_table(result: TuningResult) -> pd.DataFrame:
    """The figures of both rules: a row for the sample itself and one for the held-out rows.

    Returns:
        Columns rule, decides (1 or 0), sample ("in-sample" or "held out"), name (of the objective), objective, low,
        high (its interval), precision, precision_low, true_kept, false_kept and rows.
    """
    rows = []
    for rule, tuned in _rules(result):
        for sample, figures in (("in-sample", tuned.in_sample), ("held out", tuned.held_out)):
            if figures is not None:
                row = {"rule": rule, "decides": int(rule == result.rule), "sample": sample, **asdict(figures)}
                row["low"], row["high"] = figures.interval or (np.nan, np.nan)
                rows.append(row)
    columns = ["rule", "decides", "sample", "name", "objective", "low", "high"]
    return pd.DataFrame(rows)[[*columns, "precision", "precision_low", "true_kept", "false_kept", "rows"]]


def describe(result: TuningResult) -> list[str]:
    """What was found, in lines to print."""
    rule = result.thresholds
    texts = {"inliers": f"confirmed from {rule.max_inliers:g} inliers"}
    if "mean_inliers" in result.inliers.table:
        texts["inliers"] += (
            f" or a mean above {rule.mean_inliers:.3g}; distractor below a mean of {rule.distractor_inliers:.3g}"
        )
    if result.probability is not None:
        texts["probability"] = f"confirmed from probability {result.probability.cuts[0]:.4g}"
    kept = result.all_kept
    lines = [f"nothing dropped: {kept.name} {kept.objective:.4f}, precision {kept.precision:.3f} on {kept.rows} rows"]
    for name, tuned in _rules(result):
        lines.append(f"{name}: {texts[name]}{' (this rule decides)' if name == result.rule else ''}")
        lines.append(f"  in-sample: {_sentence(tuned.in_sample)}")
        if tuned.held_out is None:
            lines.append("  held out: too few queries or places to cross-validate")
        else:
            lines.append(f"  held out ({result.folds} folds): {_sentence(tuned.held_out)}")
    return lines


def _sentence(figures: Figures) -> str:
    interval = "" if figures.interval is None else " [{:.4f}, {:.4f}]".format(*figures.interval)
    rates = {"precision": figures.precision, "recall": figures.true_kept}
    others = [f"{name} {value:.3f}" for name, value in rates.items() if name != figures.name]
    return (
        f"{figures.name} {figures.objective:.4f}{interval}, {', '.join(others)} "
        f"(precision surely above {figures.precision_low:.3f}), {figures.false_kept:.1%} of false kept, "
        f"{figures.rows} rows"
    )


def _rules(result: TuningResult) -> Iterator[tuple[str, RuleTuning]]:
    yield "inliers", result.inliers
    if result.probability is not None:
        yield "probability", result.probability

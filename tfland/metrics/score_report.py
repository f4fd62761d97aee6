"""The folder of `tfland score --out`: tables and plots behind the figures."""

from pathlib import Path

import pandas as pd

from tfland.metrics.classification import class_scores, confusions
from tfland.metrics.compare import Change, changes, count_changes
from tfland.metrics.confusion_plots import plot_confusions
from tfland.metrics.judged import Judged
from tfland.metrics.plots import plot_changes, plot_f1_by_size, plot_f1_histogram, plot_precision_by_rank
from tfland.metrics.retrieval_files import Retrieved
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID

CLASSES, CONFUSIONS, CHANGES, QUERIES = "classes.csv", "confusions.csv", "changes.csv", "queries.csv"
_SIZE = "training_photographs"


def write_scores(out: Path, judged: Judged, class_sizes: pd.Series | None, *, name: str) -> None:
    """Writes classes.csv, confusions.csv and the plots of one predictions file.

    Args:
        out: the folder.
        judged: the predictions.
        class_sizes: training photographs of each landmark; None takes the queries that show it instead.
        name: of the predictions, for the legend.

    Raises:
        OSError: a file cannot be written.
    """
    table, confused = class_scores(judged).table(), confusions(judged)
    unit = "queries" if class_sizes is None else "training photographs"
    sizes = pd.Series(table["queries"].to_numpy(), index=table[LANDMARK]) if class_sizes is None else class_sizes
    if class_sizes is not None:
        table[_SIZE] = class_sizes.reindex(table[LANDMARK], fill_value=0).to_numpy()
    _write_table(out / CLASSES, table)
    _write_table(out / CONFUSIONS, confused)
    shown = table[table["queries"] > 0]
    f1 = shown["f1"].to_numpy()
    plot_f1_histogram(out / "f1_histogram.png", f1)
    of_shown = sizes.reindex(shown[LANDMARK], fill_value=0).to_numpy()
    if of_shown.any():
        plot_f1_by_size(out / "f1_by_class_size.png", f1, of_shown, unit=unit)
    plot_confusions(out / "confusions.png", judged, confused, sizes, unit=unit)
    plot_precision_by_rank(out / "precision.png", {name: judged})


def write_comparison(out: Path, before: Judged, after: Judged, names: tuple[str, str]) -> None:
    """Writes changes.csv (the queries whose predicted landmark changed) and the plots of both predictions files.

    Args:
        out: the folder.
        before: the predictions compared against.
        after: the others.
        names: of the two.

    Raises:
        OSError: a file cannot be written.
    """
    table = changes(before, after)
    plot_changes(out / "changes.png", count_changes(table), names)
    plot_precision_by_rank(out / "precision.png", {names[1]: after, f"against {names[0]}": before})
    changed = table[table["change"] != Change.SAME].copy()
    for column in ("landmark_id_before", "landmark_id_after"):
        changed[column] = changed[column].astype("Int64").mask(changed[column] == NO_LANDMARK_ID)
    _write_table(out / CHANGES, changed)


def write_retrieval(out: Path, retrieved: Retrieved) -> None:
    """Writes queries.csv: what was found for each query.

    Args:
        out: the folder.
        retrieved: the results.

    Raises:
        OSError: the file cannot be written.
    """
    columns = {
        ID: retrieved.queries,
        "average_precision": retrieved.average_precisions(),
        "right_results": retrieved.relevant.sum(axis=1),
        "right_in_index": retrieved.num_relevant,
    }
    _write_table(out / QUERIES, pd.DataFrame(columns))


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_write(path, newline="") as file:
        # Seventeen digits would hide what counts; nine bring a score of the network back exactly.
        table.to_csv(file, index=False, lineterminator="\n", float_format="%.9g")

"""Times all scores of 118,000 predictions, beside scikit-learn's report and confusion matrix in the same run.

    python benchmarks/score.py
    python benchmarks/score.py --predictions 5000 --repeats 1

Made up are queries of a long tail of classes as large as seed 002's (57,042), a fifth of them distractors, seven of ten
predictions right, scores of 1,000 levels. scikit-learn gets the queries with a landmark as integer labels. Its dense
confusion matrix would take 26 GB with all classes, so that both are compared on the 1,000 most frequent ones. Times are
processor time, the best of the repeats; the bootstrap is apart, because it is as long as one wants.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.metrics import classification_report
from sklearn.metrics import confusion_matrix as sklearn_matrix

from tfland.metrics.bootstrap import bootstrap
from tfland.metrics.classification import class_scores, confusion_matrix, confusions
from tfland.metrics.judged import Judged, Predictions, judge
from tfland.metrics.score_command import ScoreConfig, run
from tfland.metrics.scores import score_judged

CLASSES, FREQUENT = 57_042, 1_000


def make_case(count: int) -> tuple[Predictions, dict[str, frozenset[int]], np.ndarray]:
    """Returns predictions, truth and the Usage of the queries."""
    rng = np.random.default_rng(0)
    ids = np.array([f"{value:016x}" for value in rng.integers(0, 2**62, count)], dtype=object)
    shares = 1 / np.arange(1, CLASSES + 1) ** 0.75
    shown = rng.choice(CLASSES, count, p=shares / shares.sum())
    predicted = np.where(rng.random(count) < 0.7, shown, rng.choice(CLASSES, count, p=shares / shares.sum()))
    is_distractor = rng.random(count) < 0.2
    truth = {
        query: frozenset() if distractor else frozenset([mark])
        for query, distractor, mark in zip(ids, is_distractor, shown.tolist(), strict=True)
    }
    scores = rng.integers(0, 1000, count) / 1000
    usages = np.where(rng.random(count) < 0.33, "Public", "Private").astype(object)
    return Predictions(ids=ids, landmark_ids=predicted, scores=scores), truth, usages


def write_files(folder: Path, predictions: Predictions, truth: dict[str, frozenset[int]], usages: np.ndarray) -> None:
    """Writes the case as a submission and a solution."""
    columns = (predictions.ids.tolist(), predictions.landmark_ids.tolist(), predictions.scores.tolist())
    rows = [f"{query},{mark} {score:.9g}\n" for query, mark, score in zip(*columns, strict=True)]
    (folder / "predictions.csv").write_text("id,landmarks\n" + "".join(rows))
    rows = [f"{q},{' '.join(map(str, marks))},{u}\n" for (q, marks), u in zip(truth.items(), usages, strict=True)]
    (folder / "solution.csv").write_text("id,landmarks,Usage\n" + "".join(rows))


def best(function: Callable[[], object], repeats: int) -> float:
    """Returns the quickest of the repeats, in seconds of processor time."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return min(times)


def all_scores(predictions: Predictions, truth: dict[str, frozenset[int]], usages: np.ndarray) -> Judged:
    """What `tfland score` computes, and the tables of --out."""
    judged = judge(predictions, truth)
    score_judged(judged, usages)
    class_scores(judged).table()
    confusions(judged)
    return judged


def report_by_sklearn(shown: np.ndarray, predicted: np.ndarray) -> dict:
    """Precision, recall and F1 of all classes and their averages."""
    return classification_report(shown, predicted, output_dict=True, zero_division=0)


def report_by_tfland(judged: Judged) -> object:
    """The same."""
    classes = class_scores(judged)
    return classes.table(), classes.averages()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--predictions", type=int, default=118_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--resamples", type=int, default=100)
    options = parser.parse_args()
    predictions, truth, usages = make_case(options.predictions)
    judged = all_scores(predictions, truth, usages)
    shown, predicted = judged.shown[judged.shows], judged.predicted[judged.shows]
    landmarks = judged.part(judged.shows)
    marks, counts = np.unique(shown, return_counts=True)
    frequent = np.sort(marks[np.argsort(-counts, kind="stable")[:FREQUENT]])

    def row(name: str, ours: Callable[[], object], peer: Callable[[], object] | None = None) -> None:
        seconds = best(ours, options.repeats)
        other = (
            "" if peer is None else f"{(theirs := best(peer, options.repeats)) * 1e3:>9.0f} ms{theirs / seconds:>8.1f}"
        )
        print(f"{name:<48}{seconds * 1e3:>7.0f} ms{other}")

    print(f"{options.predictions} predictions, best of {options.repeats}, processor time")
    print(f"{'':<48}{'tfland':>10}{'sklearn':>12}{'ratio':>8}")
    row("all scores and tables, from arrays", lambda: all_scores(predictions, truth, usages))
    row(
        f"report of {len(marks)} classes",
        lambda: report_by_tfland(landmarks),
        lambda: report_by_sklearn(shown, predicted),
    )
    row(
        f"confusion matrix of the {len(frequent)} most frequent",
        lambda: confusion_matrix(landmarks, frequent),
        lambda: sklearn_matrix(shown, predicted, labels=frequent),
    )
    row("confusions of all classes, as a table", lambda: confusions(landmarks))
    row(f"bootstrap, {options.resamples} resamples", lambda: bootstrap(judged, seed=0, resamples=options.resamples))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, predictions, truth, usages)
        files = {"predictions": folder / "predictions.csv", "solution": folder / "solution.csv"}
        row("from files, as the command", lambda: run(ScoreConfig(**files, resamples=0)))
        row("from files with tables and plots", lambda: run(ScoreConfig(**files, resamples=0, out=folder / "out")))


if __name__ == "__main__":
    main()

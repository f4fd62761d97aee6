"""Scores of a yes-or-no question, such as the gate's: does a photograph show a landmark?"""

import numpy as np

DEFAULT_THRESHOLD = 0.5  # seed 000, section 3.1


def binary_scores(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Returns how well probabilities tell yes from no.

    Args:
        probabilities: [N] float, of yes.
        truth: [N] bool, with both answers in it.

    Returns:
        "auc"; "precision" and "recall" of yes at threshold 0.5; "threshold", that of the highest F1, and that "f1".

    Raises:
        ValueError: as `auc`.
    """
    precision, recall = precision_recall(probabilities, truth, DEFAULT_THRESHOLD)
    threshold, f1 = best_threshold(probabilities, truth)
    return {
        "auc": auc(probabilities, truth),
        "precision": precision,
        "recall": recall,
        "threshold": threshold,
        "f1": f1,
    }


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Returns the area under the ROC curve: how often a yes has a higher score than a no, ties counting a half.

    Args:
        scores: [N] float.
        truth: [N] bool.

    Raises:
        ValueError: only one of the two answers occurs, a score is NaN, or the arrays differ in length.
    """
    scores, truth = _checked(scores, truth)
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    num_yes = int(truth.sum())
    wins = ranks[truth].sum() - num_yes * (num_yes + 1) / 2
    return float(wins / (num_yes * (len(truth) - num_yes)))


def precision_recall(scores: np.ndarray, truth: np.ndarray, threshold: float) -> tuple[float, float]:
    """Returns precision and recall where a score of at least `threshold` means yes; precision 0 where none does."""
    scores, truth = _checked(scores, truth)
    yes = scores >= threshold
    right = int((yes & truth).sum())
    return right / max(int(yes.sum()), 1), right / int(truth.sum())


def best_threshold(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Returns the threshold of the highest F1 and that F1.

    It lies halfway between the lowest score that is a yes and the highest below it; of equal F1 the highest threshold.

    Args:
        scores: [N] float.
        truth: [N] bool.

    Raises:
        ValueError: as `auc`.
    """
    scores, truth = _checked(scores, truth)
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + truth.sum())
    # A threshold cannot part equal scores.
    f1[:-1][ranked[1:] == ranked[:-1]] = -1
    best = int(f1.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best]
    return float((ranked[best] + below) / 2), float(f1[best])


def _checked(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, truth = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    if scores.shape != truth.shape or scores.ndim != 1:
        raise ValueError(f"{scores.shape} scores for {truth.shape} answers: give one of each")
    if np.isnan(scores).any():
        raise ValueError(f"score {int(np.isnan(scores).argmax())} is NaN: scores are numbers")
    if truth.all() or not truth.any():
        raise ValueError(f"all {len(truth)} answers are the same; both yes and no are needed to judge the scores")
    return scores, truth

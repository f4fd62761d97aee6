"""Times GAP of 118,000 predictions from arrays, beside the loop of the 2020 winner's published code.

    python benchmarks/gap.py

The peer is written again from the description of the winner's validation score (seed 001; its published code): an
argsort and one Python loop over the predictions. It has no rule for ties, so with equal scores the two may differ.
"""

import time

import numpy as np

from tfland.metrics.gap import Truth, gap

PREDICTIONS, CLASSES, REPEATS = 118_000, 81_313, 5


def winner_gap(ids: np.ndarray, landmark_ids: np.ndarray, scores: np.ndarray, truth: Truth) -> float:
    """GAP as the winner's loop computes it: an argsort without a rule for ties, then one prediction at a time."""
    right, total = 0, 0.0
    for rank, row in enumerate(np.argsort(scores)[::-1], start=1):
        relevant = 0
        if landmark_ids[row] in truth[ids[row]]:
            right += 1
            relevant = 1
        total += right / rank * relevant
    return total / sum(1 for landmarks in truth.values() if landmarks)


def make_case(levels: int | None) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], Truth]:
    """Returns predictions and truth; `levels` rounds the scores so that many are equal."""
    rng = np.random.default_rng(0)
    ids = np.array([f"{value:016x}" for value in rng.integers(0, 2**62, PREDICTIONS)], dtype=object)
    landmark_ids = rng.integers(0, CLASSES, PREDICTIONS)
    right = rng.random(PREDICTIONS) < 0.01
    scores = rng.random(PREDICTIONS)
    scores = scores if levels is None else np.round(scores * levels) / levels
    truth = {
        query: frozenset([int(mark)]) if hit else frozenset()
        for query, mark, hit in zip(ids, landmark_ids, right, strict=True)
    }
    return (ids, landmark_ids, scores), truth


def best_seconds(function, arrays: tuple, truth: Truth) -> tuple[float, float]:
    """Returns the quickest of the repeats in seconds, and the GAP."""
    times, value = [], 0.0
    for _ in range(REPEATS):
        started = time.perf_counter()
        value = function(*arrays, truth)
        times.append(time.perf_counter() - started)
    return min(times), value


def main() -> None:
    """Prints the table."""
    print(f"{PREDICTIONS} predictions, best of {REPEATS}")
    print(f"{'scores':<22}{'tfland':>10}{'winner':>10}{'ratio':>8}  differ by")
    for name, levels in (("distinct", None), ("1000 levels", 1000), ("all equal", 1)):
        arrays, truth = make_case(levels)
        (ours, value), (peer, other) = (best_seconds(f, arrays, truth) for f in (gap, winner_gap))
        print(f"{name:<22}{ours * 1e3:>7.0f} ms{peer * 1e3:>7.0f} ms{peer / ours:>8.1f}  {abs(value - other):.1e}")


if __name__ == "__main__":
    main()

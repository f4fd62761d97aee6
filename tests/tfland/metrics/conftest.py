"""Made-up predictions with everything that occurs: distractors, empty predictions, several landmarks, ties."""

from collections.abc import Callable

import numpy as np
import pytest

from tfland.metrics.judged import Predictions

Case = tuple[Predictions, dict[str, frozenset[int]]]


@pytest.fixture
def make_case() -> Callable[..., Case]:
    def make(seed: int, *, queries: int = 60, classes: int = 5, several: bool = True, distractors: bool = True) -> Case:
        rng = np.random.default_rng([11, seed])
        names = [f"{value:06x}" for value in rng.permutation(queries)]
        truth = {}
        for name in names:
            count = int(rng.integers(0 if distractors else 1, 3 if several else 2))
            truth[name] = frozenset(rng.choice(classes, min(count, classes), replace=False).tolist())
        truth[names[0]] = frozenset([1 % classes])
        made = [name for name in names if rng.random() < 0.8]
        ids = np.array(made, dtype=object)
        # One landmark more than any query shows.
        landmarks = rng.integers(0, classes + 1, len(made))
        scores = rng.integers(0, 6, len(made)) / 5
        return Predictions(ids=ids, landmark_ids=landmarks, scores=scores), truth

    return make

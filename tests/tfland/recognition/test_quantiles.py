"""The quantile transform, number for number scikit-learn's."""

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer

from tfland.recognition.quantiles import QuantileTransform


def reference(fitted_on: np.ndarray, rows: np.ndarray, seed: int, subsample: int) -> np.ndarray:
    transformer = QuantileTransformer(
        n_quantiles=min(1000, len(fitted_on)), output_distribution="normal", random_state=seed, subsample=subsample
    )
    return transformer.fit(fitted_on.astype(np.float64)).transform(rows.astype(np.float64))


@pytest.mark.parametrize("count", [1, 2, 17, 1500, 3000])
@pytest.mark.parametrize("levels", [None, 5], ids=["distinct", "repeated"])
def test_as_scikit_learn(count: int, levels: int | None) -> None:
    rng = np.random.default_rng(count)
    fitted_on, rows = (rng.normal(size=(n, 4)).astype(np.float32) for n in (count, 5000))
    if levels:
        fitted_on, rows = (np.round(part * levels) / levels for part in (fitted_on, rows))
    fitted_on[:, 3] = 0.25
    rows[:100, 3] = 0.25
    rows[0, 0], rows[1, 0] = fitted_on[0, 0], fitted_on[-1, 0]
    found = QuantileTransform.fit(fitted_on, seed=3, subsample=2000)(rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(fitted_on, rows, 3, 2000), rtol=1e-6, atol=1e-6)


def test_in_place() -> None:
    rows = np.random.default_rng(0).normal(size=(9000, 3)).astype(np.float32)
    transform = QuantileTransform.fit(rows)
    expected = transform(rows)
    assert transform(rows, out=rows) is rows
    np.testing.assert_array_equal(rows, expected)


def test_the_seed_draws_the_rows() -> None:
    rows = np.random.default_rng(0).normal(size=(500, 2))
    first, again, other = (QuantileTransform.fit(rows, seed=s, subsample=50).quantiles for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_no_queries() -> None:
    with pytest.raises(ValueError, match="fitted on the queries, and there are none"):
        QuantileTransform.fit(np.empty((0, 3)))

import numpy as np
import pytest

from delf_verify.scale_maps import fit_scaled

SETTINGS = {"residual_px": 8.0, "scale_tolerance": 0.5, "max_scale": 4.0, "max_stretch": 3.0}
LINEAR = np.array([[1.5, 0.15], [-0.1, 1.3]])


def planted(seed: int, inliers: int = 30, outliers: int = 70) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matches of which the first ones agree on LINEAR in place and, roughly, in scale."""
    rng = np.random.default_rng(seed)
    query = rng.uniform(0, 500, (inliers + outliers, 2))
    index = rng.uniform(0, 800, (inliers + outliers, 2))
    index[:inliers] = query[:inliers] @ LINEAR.T + [40, -25] + rng.normal(scale=1, size=(inliers, 2))
    ratios = np.exp(rng.uniform(-1.2, 1.2, inliers + outliers))
    ratios[:inliers] = np.sqrt(np.linalg.det(LINEAR)) * np.exp(rng.normal(scale=0.08, size=inliers))
    return query, index, ratios


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_map_is_found_among_many_outliers(seed: int) -> None:
    query, index, ratios = planted(seed)
    fit = fit_scaled(query, index, ratios, **SETTINGS)
    assert fit is not None
    assert fit.agreeing[:30].all()
    assert fit.agreeing[30:].sum() <= 3
    np.testing.assert_allclose(fit.matrix[:, :2], LINEAR, atol=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_what_agrees_is_what_the_map_and_the_scale_say(seed: int) -> None:
    query, index, ratios = planted(seed)
    fit = fit_scaled(query, index, ratios, **SETTINGS)
    scale = np.sqrt(np.prod(np.linalg.svd(fit.matrix[:, :2], compute_uv=False)))
    for row in range(len(query)):
        off = np.hypot(*(fit.matrix @ [*query[row], 1] - index[row]))
        assert fit.agreeing[row] == (off <= 8 and abs(np.log(ratios[row] / scale)) <= 0.5)


def test_matches_of_another_scale_do_not_agree() -> None:
    query, index, ratios = planted(3)
    ratios[:15] *= 2.5
    fit = fit_scaled(query, index, ratios, **SETTINGS)
    assert fit.agreeing[15:30].all()
    assert not fit.agreeing[:15].any()
    # With a wide tolerance the scales no longer matter.
    loose = fit_scaled(query, index, ratios, **{**SETTINGS, "scale_tolerance": 3.0})
    assert loose.agreeing[:30].all()


def test_where_the_map_shrinks_residuals_count_in_pixels_of_the_query() -> None:
    query, index, ratios = planted(7)
    # 7 pixels off after the map, 10 before it.
    index[:2] += [0, 10]
    fit = fit_scaled(index, query, 1 / ratios, **SETTINGS)
    scale = np.sqrt(np.linalg.det(fit.matrix[:, :2]))
    assert scale < 0.8
    off = np.hypot(*(index @ fit.matrix[:, :2].T + fit.matrix[:, 2] - query).T)
    alike = np.abs(np.log(1 / ratios / scale)) <= 0.5
    np.testing.assert_array_equal(fit.agreeing, alike & (off <= 8 * scale))
    assert (alike & (off > 8 * scale) & (off <= 8)).any()


def test_the_order_of_the_matches_does_not_matter() -> None:
    query, index, ratios = planted(4)
    order = np.random.default_rng(0).permutation(len(query))
    one = fit_scaled(query, index, ratios, **SETTINGS)
    other = fit_scaled(query[order], index[order], ratios[order], **SETTINGS)
    np.testing.assert_array_equal(one.agreeing[order], other.agreeing)
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-6)


def test_the_size_of_the_blocks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    query, index, ratios = planted(5)
    one = fit_scaled(query, index, ratios, **SETTINGS)
    monkeypatch.setattr("delf_verify.scale_maps._RESIDUALS_AT_ONCE", 1)
    other = fit_scaled(query, index, ratios, **SETTINGS)
    np.testing.assert_array_equal(one.agreeing, other.agreeing)
    np.testing.assert_array_equal(one.matrix, other.matrix)


def test_many_matches_of_one_scale_far_from_the_origin() -> None:
    """Squares of large coordinates must not eat the digits of small distances."""
    query, index, ratios = planted(6)
    near = fit_scaled(query, index, ratios, **SETTINGS)
    far = fit_scaled(query + 3000, index + 2000, ratios, **SETTINGS)
    np.testing.assert_array_equal(near.agreeing, far.agreeing)
    np.testing.assert_allclose(near.matrix[:, :2], far.matrix[:, :2], atol=1e-9)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_matches_fix_nothing(count: int) -> None:
    query = np.arange(2.0 * count).reshape(count, 2)
    assert fit_scaled(query, query, np.ones(count), **SETTINGS) is None


@pytest.mark.parametrize("kind", ["one spot", "a line", "chance"])
def test_degenerate_matches_do_no_harm(kind: str) -> None:
    rng = np.random.default_rng(1)
    query = {"one spot": np.full((9, 2), 7.0), "a line": np.outer(np.arange(9.0), [3, 4])}.get(
        kind, rng.uniform(0, 900, (9, 2))
    )
    fit = fit_scaled(query, query[::-1], np.ones(9), **SETTINGS)
    assert fit is None or np.isfinite(fit.matrix).all()


def test_a_scale_beyond_the_limit_is_no_map() -> None:
    query = np.random.default_rng(2).uniform(0, 300, (40, 2))
    assert fit_scaled(query, 5 * query, np.full(40, 5.0), **SETTINGS) is None
    assert fit_scaled(query, 3 * query, np.full(40, 3.0), **SETTINGS).agreeing.all()
    squeezed = fit_scaled(query, query * [1.9, 0.55], np.ones(40), **SETTINGS)
    assert squeezed is None or squeezed.agreeing.sum() < 20


def test_a_mirrored_picture_has_few_agreeing_matches() -> None:
    query = np.random.default_rng(2).uniform(0, 300, (60, 2))
    fit = fit_scaled(query, query * [1, -1] + [0, 300], np.ones(60), **SETTINGS)
    assert fit is None or fit.agreeing.sum() < 15

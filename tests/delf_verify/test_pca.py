from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from delf_verify.pca import Pca, normalize


def sample(count: int = 300, dimension: int = 12, seed: int = 0) -> np.ndarray:
    """Descriptors whose directions vary unequally."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dimension)) * np.linspace(3, 0.3, dimension) + 1


def test_against_scikit_learn() -> None:
    descriptors = sample()
    unit = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    pca, reference = Pca.fit(descriptors, 5), PCA(5, svd_solver="full").fit(unit)
    np.testing.assert_allclose(pca.mean, reference.mean_, atol=1e-6)
    np.testing.assert_allclose(pca.variances, reference.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(np.abs((pca.components * reference.components_.T).sum(axis=0)), 1, atol=1e-4)
    projected, expected = pca.project(descriptors), normalize(reference.transform(unit))
    np.testing.assert_allclose(np.abs(projected), np.abs(expected), atol=1e-3)


def test_projected_descriptors_have_unit_length() -> None:
    projected = Pca.fit(sample(), 4).project(sample(seed=1))
    assert projected.shape == (300, 4)
    assert projected.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(projected, axis=1), 1, rtol=1e-5)


def test_the_length_of_a_descriptor_does_not_matter() -> None:
    pca, descriptors = Pca.fit(sample(), 4), sample(seed=1)
    np.testing.assert_allclose(pca.project(descriptors * 7), pca.project(descriptors), atol=1e-5)


def test_all_dimensions_keep_all_angles() -> None:
    pca, descriptors = Pca.fit(sample(), 12), sample(20, seed=2)
    centred = normalize(normalize(descriptors) - pca.mean)
    projected = pca.project(descriptors)
    np.testing.assert_allclose(projected @ projected.T, centred @ centred.T, atol=1e-4)


def test_no_descriptors_and_a_row_of_zeros() -> None:
    pca = Pca.fit(sample(), 4)
    assert pca.project(np.zeros((0, 12))).shape == (0, 4)
    assert np.isfinite(pca.project(np.zeros((1, 12)))).all()
    np.testing.assert_array_equal(normalize(np.zeros((2, 3))), np.zeros((2, 3)))


def test_save_and_load(tmp_path: Path) -> None:
    pca = Pca.fit(sample(), 4)
    pca.save(tmp_path / "a.npz")
    Pca.fit(sample(), 4).save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = Pca.load(tmp_path / "a.npz")
    for name in ("mean", "components", "variances"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(pca, name))


@pytest.mark.parametrize("damage", ["empty", "text", "truncated", "other arrays", "pickle"])
def test_damaged_files_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "pca.npz"
    Pca.fit(sample(), 4).save(path)
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("mean: 3")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "other arrays":
        np.savez(path, weights=np.zeros(3))
    else:
        np.savez(path, mean=np.array([{}], dtype=object), components=np.zeros((1, 1)), variances=np.zeros(1))
    with pytest.raises(ValueError, match=r"pca\.npz holds no PCA projection"):
        Pca.load(path)
    with pytest.raises(FileNotFoundError):
        Pca.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("count", "size", "message"),
    [
        (300, 13, "size must be from 1 to the descriptors' 12 dimensions, got 13"),
        (300, 0, "size must be from 1 .* got 0"),
        (4, 4, "4 descriptors are too few for 4 dimensions"),
    ],
)
def test_bad_fits_are_refused(count: int, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pca.fit(sample(count), size)


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        Pca.fit(np.full((9, 3), np.nan), 2)
    with pytest.raises(ValueError, match=r"must be \[N, 12\], got \[5, 3\]"):
        Pca.fit(sample(), 4).project(np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"do not fit mean \[3\]"):
        Pca(np.zeros(3), np.zeros((4, 2)), np.zeros(2))
    with pytest.raises(ValueError, match=r"mean must be \[D\]"):
        Pca(np.zeros((3, 1)), np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="mean holds a value that is not finite"):
        Pca(np.full(3, np.inf), np.zeros((3, 2)), np.zeros(2))


def test_whitened_against_scikit_learn() -> None:
    descriptors = sample()
    unit = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    pca, reference = Pca.fit(descriptors, 5, whiten=True), PCA(5, svd_solver="full", whiten=True).fit(unit)
    projected, expected = pca.project(descriptors), normalize(reference.transform(unit))
    np.testing.assert_allclose(np.abs(projected), np.abs(expected), atol=1e-3)
    assert np.abs(projected - Pca.fit(descriptors, 5).project(descriptors)).max() > 0.1


def test_whitening_is_saved_and_absent_from_older_files(tmp_path: Path) -> None:
    pca = Pca.fit(sample(), 4, whiten=True)
    pca.save(tmp_path / "a.npz")
    assert Pca.load(tmp_path / "a.npz").whiten
    np.savez(tmp_path / "old.npz", mean=pca.mean, components=pca.components, variances=pca.variances)
    assert not Pca.load(tmp_path / "old.npz").whiten


def test_refuses_to_whiten_directions_without_variance() -> None:
    flat = sample() * np.array([1.0] * 3 + [0.0] * 9)
    Pca.fit(flat, 4)
    with pytest.raises(ValueError, match="directions have no variance to whiten by"):
        Pca.fit(flat, 4, whiten=True)

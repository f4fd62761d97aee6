"""A model's vectors: of unit length, averaged over views, and bit for bit the same in any batch on a CPU."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.data.resize import resize_image
from tfland.recognition.embedder import Embedder, ViewConfig, unit_rows

PHOTOGRAPHS = np.random.default_rng(0).integers(0, 255, (7, 60, 45, 3), np.uint8)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 5, strides=3, activation="relu")(keras.layers.Rescaling(1 / 128, -1)(image))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(x))
    return keras.Model(image, {"embedding": keras.layers.Dense(6)(x), "logits": keras.layers.Dense(3)(x)})


def vectors_of(network: keras.Model, resize: str, size: tuple[int, int], *, mirror: bool = False) -> np.ndarray:
    """One by one and in float64, from the definition."""
    fitted = [resize_image(tf.constant(one), resize, size).numpy() for one in PHOTOGRAPHS]
    pixels = np.stack([one[:, ::-1] if mirror else one for one in fitted]).astype(np.float32)
    vectors = network(pixels)["embedding"].numpy().astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_one_view(network: keras.Model) -> None:
    embedder = Embedder(network, [(40, 40)], "longest_side")
    made = embedder.embed([embedder.fit(one) for one in PHOTOGRAPHS])
    assert (made.dtype, made.shape) == (np.float32, (7, 6))
    assert np.linalg.norm(made, axis=1) == pytest.approx(np.ones(7), abs=1e-6)
    assert made == pytest.approx(vectors_of(network, "longest_side", (40, 40)), abs=1e-5)


def test_flip_and_scales_are_averages_of_unit_vectors(network: keras.Model) -> None:
    embedder = Embedder(network, [(40, 32), (28, 22)], "exact", flip=True)
    made = embedder.embed([embedder.fit(one) for one in PHOTOGRAPHS])
    sizes = [(40, 32), (28, 22)]
    mean = sum(vectors_of(network, "exact", size, mirror=mirror) for size in sizes for mirror in (False, True))
    assert made == pytest.approx(mean / np.linalg.norm(mean, axis=1, keepdims=True), abs=1e-5)


def test_a_mirrored_photograph_has_the_same_vector_with_flip(network: keras.Model) -> None:
    embedder = Embedder(network, [(40, 40)], "exact", flip=True)
    photograph = PHOTOGRAPHS[0]
    first, second = embedder.embed([embedder.fit(photograph), embedder.fit(photograph[:, ::-1])])
    assert first == pytest.approx(second, abs=1e-3)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 16])
def test_batches_do_not_matter(network: keras.Model, batch_size: int) -> None:
    embedder = Embedder(network, [(40, 40)], "exact")
    fitted = [embedder.fit(one) for one in PHOTOGRAPHS]
    parts = [embedder.embed(fitted[at : at + batch_size], batch_size) for at in range(0, 7, batch_size)]
    assert np.concatenate(parts).tobytes() == embedder.embed(fitted).tobytes()


def test_small_vectors_keep_their_direction(network: keras.Model) -> None:
    image = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1e-30)(image))
    tiny = Embedder(keras.Model(image, {"embedding": x}), [(32, 32)], "exact")
    made = tiny.embed([tiny.fit(np.full((32, 32, 3), (200, 100, 0), np.uint8)), tiny.fit(PHOTOGRAPHS[0] * 0)])
    assert made[0] == pytest.approx(np.array([2, 1, 0]) / np.sqrt(5), abs=1e-6)
    assert not made[1].any()


def test_numbers_that_are_not_finite_make_no_vector() -> None:
    made = unit_rows(np.array([[3, 4], [np.nan, 1], [np.inf, 1], [0, 0]], np.float32))
    assert made[0].tolist() == pytest.approx([0.6, 0.8])
    assert np.isnan(made[1:3]).any(axis=1).all()
    assert made[3].tolist() == [0, 0]


def test_fingerprints_tell_models_and_views_apart(network: keras.Model) -> None:
    plain = Embedder(network, [(40, 40)], "exact").fingerprint
    assert Embedder(network, [(40, 40)], "exact").fingerprint == plain
    others = [
        Embedder(network, [(48, 48)], "exact"),
        Embedder(network, [(40, 40), (32, 32)], "exact"),
        Embedder(network, [(40, 40)], "longest_side"),
        Embedder(network, [(40, 40)], "exact", flip=True),
    ]
    changed = keras.models.clone_model(network)
    others.append(Embedder(changed, [(40, 40)], "exact"))
    assert len({plain, *(other.fingerprint for other in others)}) == 6


def test_a_model_directory(model_dir: Path, tmp_path: Path) -> None:
    embedder = Embedder.load(model_dir)
    assert embedder.sizes == ((48, 48),)
    assert embedder.dimensions == 1280
    assert Embedder.load(model_dir, ViewConfig(size=64, scales=(1, 0.5))).sizes == ((64, 64), (32, 32))
    copy = shutil.copytree(model_dir, tmp_path / "copy")
    text = (copy / "config.yaml").read_text()
    assert "evaluation_size: null" in text
    (copy / "config.yaml").write_text(text.replace("evaluation_size: null", "evaluation_size: [64, 80]"))
    assert Embedder.load(copy).sizes == ((64, 80),)
    (copy / "model.keras").unlink()
    with pytest.raises(FileNotFoundError, match=r"model.keras is missing; give the model_dir"):
        Embedder.load(copy)
    image = keras.Input((4,))
    keras.Model(image, keras.layers.Dense(2)(image)).save(copy / "model.keras")
    with pytest.raises(ValueError, match="makes no embeddings of photographs"):
        Embedder.load(copy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size is 8"),
        ({"scales": ()}, r"scales are \(\); give 1 to 8"),
        ({"scales": (1.0, 1.0)}, "give 1 to 8 different ones"),
        ({"scales": (float("nan"),)}, "scales has nan"),
        ({"scales": (9.0,)}, "scales has 9.0; give numbers from 0.1 to 4"),
    ],
)
def test_bad_views(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ViewConfig(**options)


def test_a_view_that_is_too_small() -> None:
    with pytest.raises(ValueError, match="scales times the size is 24"):
        ViewConfig(scales=(1.0, 0.5)).sizes(48, 48)

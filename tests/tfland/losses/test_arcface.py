"""ArcFace against the formula in float64, one example at a time."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.losses.arcface import ArcFaceLoss, arcface
from tfland.losses.margins import dynamic_margins
from tfland.losses.softmax import cross_entropy


def random_cosines(examples: int = 6, classes: int = 11) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, classes, examples), rng.uniform(-1, 1, (examples, classes)).astype(np.float32)


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.4, 1.2])
@pytest.mark.parametrize("scale", [1.0, 45.0])
def test_matches_a_slow_loop(slow: SimpleNamespace, scale: float, margin: float) -> None:
    labels, cosines = random_cosines()
    expected = [slow.arcface(y, row, scale, margin) for y, row in zip(labels, cosines, strict=True)]
    loss = np.asarray(arcface(labels, cosines, scale=scale, margin=margin))
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("margin", [0.1, 0.3, 0.5])
def test_sweep_across_the_margin_boundary(slow: SimpleNamespace, margin: float) -> None:
    """Every degree from 0 to 180: θ + m passes π on the way (at 163° for m = 0.3)."""
    degrees = np.arange(181)
    cosines = np.stack([np.cos(np.radians(degrees)), np.zeros(181)], axis=1).astype(np.float32)
    expected = [slow.arcface(0, row, 4.0, margin) for row in cosines]
    loss = np.asarray(arcface(np.zeros(181, int), cosines, scale=4.0, margin=margin))
    # At θ = 0 the clipped sine (3.2e-4) costs up to scale · 3.2e-4 · sin m.
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-3)
    assert (np.diff(loss) > 0).all(), "the loss must grow with the angle on both sides of the boundary"


def test_without_a_margin_it_is_softmax() -> None:
    labels, cosines = random_cosines()
    plain = np.asarray(cross_entropy(labels, 30 * cosines, 0.1))
    loss = np.asarray(arcface(labels, cosines, scale=30.0, margin=0.0, label_smoothing=0.1))
    np.testing.assert_allclose(loss, plain, rtol=1e-6)


def test_a_margin_costs_and_touches_the_true_class_alone() -> None:
    labels, cosines = random_cosines()
    assert (
        np.asarray(arcface(labels, cosines, scale=30.0, margin=0.3))
        > np.asarray(arcface(labels, cosines, scale=30.0, margin=0.0))
    ).all()


@pytest.mark.parametrize("cosine", [-1.0000001, -1.0, -0.99999994, 0.99999994, 1.0, 1.0000001])
def test_value_and_gradient_are_finite_at_the_ends(cosine: float) -> None:
    cosines = tf.Variable([[cosine, 0.2, -0.3]], dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = arcface(np.array([0]), tf.identity(cosines), scale=45.0, margin=0.3)
    gradient = tape.gradient(loss, cosines)
    assert np.isfinite(loss.numpy()).all()
    assert np.isfinite(gradient.numpy()).all()


def test_gradient_matches_finite_differences(slow: SimpleNamespace) -> None:
    labels, cosines = random_cosines(4, 5)
    variable = tf.Variable(cosines * 0.9)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(arcface(labels, tf.identity(variable), scale=5.0, margin=0.3))
    gradient = tape.gradient(loss, variable).numpy()
    for (i, j), value in np.ndenumerate(gradient):
        row, step = cosines[i].astype(float) * 0.9, np.eye(5)[j] * 1e-6
        up, down = (slow.arcface(labels[i], row + sign * step, 5.0, 0.3) for sign in (1, -1))
        assert value == pytest.approx((up - down) / 2e-6, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_cosines_give_a_float32_loss(dtype: str) -> None:
    labels, cosines = random_cosines()
    half = keras.ops.cast(cosines, dtype)
    loss = arcface(labels, half, scale=45.0, margin=0.3)
    expected = arcface(labels, keras.ops.cast(half, "float32"), scale=45.0, margin=0.3)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    np.testing.assert_array_equal(np.asarray(loss), np.asarray(expected))


def test_the_keras_loss_is_the_function_and_survives_serialisation() -> None:
    labels, cosines = random_cosines()
    loss = ArcFaceLoss(30.0, 0.4, 0.05)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    expected = np.asarray(arcface(labels, cosines, scale=30.0, margin=0.4, label_smoothing=0.05))
    np.testing.assert_array_equal(np.asarray(loss(labels, cosines)), expected)
    np.testing.assert_array_equal(np.asarray(copy(labels, cosines)), expected)


def test_runs_in_a_graph_of_unknown_batch_size() -> None:
    labels, cosines = random_cosines()
    signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 11], tf.float32)]
    graph = tf.function(lambda y, c: arcface(y, c, scale=45.0, margin=0.3), input_signature=signature)
    eager = np.asarray(arcface(labels, cosines, scale=45.0, margin=0.3))
    np.testing.assert_allclose(graph(labels, cosines).numpy(), eager, rtol=1e-6)


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.2])
def test_easy_margin_matches_a_slow_loop_and_stops_at_90_degrees(slow: SimpleNamespace, margin: float) -> None:
    degrees = np.arange(1, 180)
    cosines = np.stack([np.cos(np.radians(degrees)), np.zeros(179)], axis=1).astype(np.float32)
    labels = np.zeros(179, int)
    expected = [slow.arcface(0, row, 4.0, margin, easy=True) for row in cosines]
    loss = np.asarray(arcface(labels, cosines, scale=4.0, margin=margin, easy_margin=True))
    # At exactly 90 degrees float32's cosine is 4e-8, on the side with the margin.
    here = degrees != 90
    np.testing.assert_allclose(loss[here], np.array(expected)[here], rtol=1e-4, atol=1e-4)
    plain = np.asarray(cross_entropy(labels, 4 * cosines))
    np.testing.assert_allclose(loss[degrees > 90], plain[degrees > 90], rtol=1e-6)


def test_each_class_has_its_own_margin(slow: SimpleNamespace) -> None:
    labels, cosines = random_cosines(40)
    margins = dynamic_margins([2, 3, 5, 8, 13, 40, 90, 300, 700, 2000, 6272], smallest_class=0.5, largest_class=0.05)
    expected = [slow.arcface(y, row, 30.0, margins[y]) for y, row in zip(labels, cosines, strict=True)]
    loss = np.asarray(arcface(labels, cosines, scale=30.0, margin=margins))
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-5)
    equal = np.asarray(arcface(labels, cosines, scale=30.0, margin=np.full(11, 0.3)))
    np.testing.assert_allclose(equal, np.asarray(arcface(labels, cosines, scale=30.0, margin=0.3)), rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [{"easy": True}, {"smoothing": 0.1}, {"gamma": 2.0}, {"gamma": 0.5, "easy": True}],
    ids=["easy", "smoothing", "focal", "focal easy"],
)
def test_gradients_of_its_forms_match_finite_differences(slow: SimpleNamespace, settings: dict[str, float]) -> None:
    labels, cosines = random_cosines(6, 5)
    margins = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    variable = tf.Variable(cosines * 0.9)
    names = {"easy": "easy_margin", "smoothing": "label_smoothing", "gamma": "focal_gamma"}
    with tf.GradientTape() as tape:
        ours = {names[name]: value for name, value in settings.items()}
        loss = tf.reduce_sum(arcface(labels, tf.identity(variable), scale=5.0, margin=margins, **ours))
    for label, row, found in zip(labels, variable.numpy(), tape.gradient(loss, variable).numpy(), strict=True):

        def recomputed(values: np.ndarray, y: int = label) -> float:
            return slow.arcface(y, values, 5.0, margins[y], **settings)

        np.testing.assert_allclose(found, slow.differences(recomputed, row.astype(float)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cosine", [-1.0, 1.0])
@pytest.mark.parametrize("focal_gamma", [0.5, 2.0])
def test_all_forms_are_finite_at_the_ends(cosine: float, focal_gamma: float) -> None:
    """A certain example has 1 - p = 0, whose square root has no derivative."""
    cosines = tf.Variable([[cosine, -cosine, -cosine]])
    for easy_margin in (False, True):
        with tf.GradientTape() as tape:
            margin = np.array([0.5, 0.1, 0.1])
            settings = {"scale": 64.0, "margin": margin, "easy_margin": easy_margin, "focal_gamma": focal_gamma}
            loss = arcface(np.array([0]), tf.identity(cosines), **settings)
        assert np.isfinite(loss.numpy()).all()
        assert np.isfinite(tape.gradient(loss, cosines).numpy()).all()


def test_two_classes_and_an_angle_past_the_boundary_by_hand() -> None:
    # θ = 180°, m = 0.3: cos θ − sin(π − 0.3)·0.3 = −1 − 0.295520·0.3 = −1.088656. Against cos 90° = 0 at s = 1:
    # log(1 + e^1.088656) = 1.378714. At θ = 60°: cos(1.047198 + 0.3) = 0.221747; log(1 + e^−0.221747) = 0.588402.
    cosines = np.array([[-1.0, 0.0], [0.5, 0.0]], np.float32)
    loss = np.asarray(arcface(np.array([0, 0]), cosines, scale=1.0, margin=0.3))
    np.testing.assert_allclose(loss, [np.log1p(np.exp(1.088656)), np.log1p(np.exp(-0.221747))], rtol=1e-5)


def test_margins_by_class_survive_serialisation() -> None:
    labels, cosines = random_cosines()
    loss = ArcFaceLoss(30.0, np.linspace(0.1, 0.5, 11).tolist(), easy_margin=True, focal_gamma=1.0)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    np.testing.assert_array_equal(np.asarray(copy(labels, cosines)), np.asarray(loss(labels, cosines)))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_with_xla_it_gives_the_same_numbers_and_gradients(jit_compile: bool) -> None:
    labels, cosines = random_cosines()
    margins = np.linspace(0.1, 0.5, 11)

    def both(y: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(c)
            loss = arcface(y, c, scale=45.0, margin=margins)
        return loss, tape.gradient(loss, c)

    inputs = (tf.constant(labels), tf.constant(cosines * 0.99))
    compiled = tf.function(both, jit_compile=jit_compile)(*inputs)
    for found, expected in zip(compiled, both(*inputs), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-4)

"""The loader of official models: small ones of both kinds and the real DELF v1 graph with random weights."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from delf_verify.cli import app
from delf_verify.datum_io import encode_datum
from delf_verify.extract import load_extractor
from delf_verify.features import Extractor
from delf_verify.pca import normalize
from delf_verify.saved_model import SavedModelConfig, SavedModelExtractor
from tfrecords_builder.terminal import run_app

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
CELL, DEPTH = 16, 6


def expected_features(image: np.ndarray, scales, threshold: float, count: int) -> SimpleNamespace:
    """What the small models compute, cell by cell: strongest first, earlier cells first among equals."""
    rows = []
    for scale in scales:
        for y in range(image.shape[0] // CELL):
            for x in range(image.shape[1] // CELL):
                cell = image[y * CELL : (y + 1) * CELL, x * CELL : (x + 1) * CELL].astype(np.float64) / 255
                descriptor = [*cell.mean((0, 1)), *cell[0, 0]]
                score = cell.mean() * 1000 * scale
                box = [y * CELL - 4, x * CELL - 4, y * CELL + CELL + 3, x * CELL + CELL + 3]
                if score >= threshold:
                    rows.append((score, box, descriptor, 1 / scale))
    rows.sort(key=lambda row: -row[0])
    scores, boxes, descriptors, inverse = zip(*rows[:count], strict=True)
    return SimpleNamespace(
        scores=np.array(scores), boxes=np.array(boxes), descriptors=np.array(descriptors), scales=np.array(inverse)
    )


def local_part(image, scales, threshold, count):
    """The same as `expected_features` in TensorFlow: boxes [N, 4], features [N, 6], scales [N], scores [N, 1]."""
    import tensorflow as tf

    pixels = tf.cast(image, tf.float32)[None] / 255.0
    mean = tf.nn.avg_pool2d(pixels, CELL, CELL, "VALID")[0]
    corner = tf.nn.avg_pool2d(pixels, 1, CELL, "VALID")[0][: tf.shape(mean)[0], : tf.shape(mean)[1]]
    y, x = tf.meshgrid(tf.range(tf.shape(mean)[0]), tf.range(tf.shape(mean)[1]), indexing="ij")
    corners = tf.cast(tf.stack([y, x], -1) * CELL, tf.float32)
    boxes = tf.reshape(tf.concat([corners - 4.0, corners + (CELL + 3.0)], -1), [-1, 4])
    features = tf.reshape(tf.concat([mean, corner], -1), [-1, DEPTH])
    cells, levels = tf.shape(boxes)[0], tf.shape(scales)[0]
    scores = tf.reshape(scales[:, None] * tf.reduce_mean(features[:, :3], axis=1)[None] * 1000.0, [-1])
    boxes, features = tf.tile(boxes, [levels, 1]), tf.tile(features, [levels, 1])
    scales = tf.repeat(1.0 / scales, cells)
    strong = tf.reshape(tf.where(scores >= threshold), [-1])
    strong = tf.gather(strong, tf.argsort(-tf.gather(scores, strong), stable=True)[:count])
    boxes, features, scales, scores = (tf.gather(array, strong) for array in (boxes, features, scales, scores))
    return {"boxes": boxes, "features": features, "scales": scales, "scores": scores[:, None]}


def save_delg(folder: Path, *, without: str = "", image_type: str = "uint8", is_global: bool = True) -> None:
    """A SavedModel as the authors' TensorFlow 2 program exports them, perhaps lacking an output."""
    import tensorflow as tf

    specs = [
        tf.TensorSpec([None, None, 3], image_type, "input_image"),
        tf.TensorSpec([None], tf.float32, "input_scales"),
        tf.TensorSpec([], tf.int32, "input_max_feature_num"),
        tf.TensorSpec([], tf.float32, "input_abs_thres"),
    ]

    def extract(image, scales, count, threshold, *global_scales):
        found = local_part(image, scales, threshold, count)
        if is_global:
            found["global_descriptors"] = tf.gather(scales, global_scales[0])[:, None]
        return {name: tf.identity(value, name) for name, value in found.items() if name != without}

    specs += [tf.TensorSpec([None], tf.int32, "input_global_scales_ind")] if is_global else []
    module = tf.Module()
    module.ExtractFeatures = tf.function(extract, input_signature=specs)
    tf.saved_model.save(module, str(folder))


def save_delf(folder: Path, *, without: str = "") -> None:
    """A SavedModel as TensorFlow 1 wrote them: tensors with names, and no signature."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.uint8, [None, None, 3], "input_image")
        threshold = v1.placeholder(tf.float32, [], "input_abs_thres")
        scales = v1.placeholder(tf.float32, [None], "input_scales")
        count = v1.placeholder(tf.int32, [], "input_max_feature_num")
        one = v1.get_variable("one", initializer=1.0, use_resource=False)
        for name, value in local_part(image, scales, threshold, count).items():
            if name != without:
                tf.multiply(value, one, name=name)
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"])
        builder.save()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Folders of a DELG, a local model of TensorFlow 2 and a DELF of TensorFlow 1."""
    root = tmp_path_factory.mktemp("models")
    save_delg(root / "delg")
    save_delg(root / "local", is_global=False)
    save_delf(root / "delf" / "model")
    return SimpleNamespace(delg=root / "delg", local=root / "local", delf=root / "delf")


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 100, 3)).astype(np.uint8)


def write_pca(folder: Path, depth: int, *, rows: int | None = None) -> SimpleNamespace:
    """Random mean, matrix and variances as the authors' `.datum` files."""
    generator = np.random.default_rng(3)
    matrix = np.linalg.qr(generator.normal(size=(depth, depth)))[0][: rows or depth]
    mean, variances = generator.normal(size=(1, depth)) / 9, generator.random((1, depth)) + 0.1
    folder.mkdir(exist_ok=True)
    for name, array in (("mean", mean), ("pca_proj_mat", matrix), ("pca_variances", variances)):
        (folder / f"{name}.datum").write_bytes(encode_datum(array))
    return SimpleNamespace(mean=mean[0], matrix=matrix, variances=variances[0])


def settings(folder: Path, text: str) -> Path:
    (folder / "extractor.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("kind", ["delg", "local", "delf"])
def test_features_are_those_of_the_graph(models: SimpleNamespace, image: np.ndarray, kind: str) -> None:
    extractor = load_extractor(f"savedmodel:{getattr(models, kind)}")
    assert isinstance(extractor, Extractor) and isinstance(extractor, SavedModelExtractor)
    threshold = 175 if kind == "delg" else 100
    assert extractor.config.score_threshold == threshold
    features = extractor.extract(image)
    expected = expected_features(image, extractor.config.scales, threshold, 1000)
    assert len(features) == len(expected.scores)
    np.testing.assert_allclose(features.scores, expected.scores, rtol=1e-5)
    np.testing.assert_allclose(features.scales, expected.scales, rtol=1e-5)
    np.testing.assert_allclose(features.locations_yx, (expected.boxes[:, :2] + expected.boxes[:, 2:]) / 2)
    unit = expected.descriptors / np.linalg.norm(expected.descriptors, axis=1, keepdims=True)
    np.testing.assert_allclose(features.descriptors, unit, atol=1e-5)


def test_the_strongest_are_kept(models: SimpleNamespace, image: np.ndarray, tmp_path: Path) -> None:
    folder = tmp_path / "delg"
    shutil.copytree(models.delg, folder)
    extractor = SavedModelExtractor(settings(folder, "max_features: 7\nscore_threshold: 300\nscales: [0.5, 1]\n"))
    features = extractor.extract(image)
    expected = expected_features(image, (0.5, 1), 300, 7)
    np.testing.assert_allclose(features.scores, expected.scores, rtol=1e-5)
    assert len(features) == 7
    assert len(SavedModelExtractor(settings(folder, "score_threshold: 99999\n")).extract(image)) == 0


@pytest.mark.parametrize("whiten", [False, True])
def test_the_projection_is_that_of_the_paper(
    models: SimpleNamespace, image: np.ndarray, tmp_path: Path, whiten: bool
) -> None:
    folder = tmp_path / "delf"
    shutil.copytree(models.delf, folder)
    plain = SavedModelExtractor(folder).extract(image)
    pca = write_pca(folder / "pca", DEPTH)
    extractor = SavedModelExtractor(settings(folder, f"pca_size: 4\nwhiten: {str(whiten).lower()}\n"))
    features = extractor.extract(image)
    assert features.descriptors.shape == (len(plain), 4)
    for found, descriptor in zip(features.descriptors, plain.descriptors, strict=True):
        row = pca.matrix[:4] @ (descriptor - pca.mean)
        if whiten:
            row = row / np.sqrt(pca.variances[:4])
        np.testing.assert_allclose(found, row / np.linalg.norm(row), atol=1e-5)
    np.testing.assert_array_equal(features.locations_yx, plain.locations_yx)


def test_locations_are_in_the_pixels_of_the_photograph(models: SimpleNamespace, tmp_path: Path) -> None:
    """A photograph of twice the size, reduced to the first: the same places."""
    folder = tmp_path / "delg"
    shutil.copytree(models.delg, folder)
    small = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    extractor = SavedModelExtractor(settings(folder, "max_side: 96\n"))
    one, other = extractor.extract(small), extractor.extract(large)
    np.testing.assert_allclose(other.locations_yx, one.locations_yx * 2 + 0.5, atol=1e-4)
    np.testing.assert_allclose(other.scales, one.scales * 2, rtol=1e-6)
    np.testing.assert_array_equal(other.descriptors, one.descriptors)


def test_pairs_are_matched_with_it(models: SimpleNamespace, verify_world: SimpleNamespace, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("a,b\nindex/index10x0.jpg,index/index10x0.jpg\nindex/index10x0.jpg,index/index20x0.jpg\n")
    options = ["--images", str(verify_world.root), "--out", str(tmp_path / "scores.csv")]
    spec = f"savedmodel:{models.delg}"
    assert run_app(app, ["match", "--pairs", str(pairs), *options, "--features", spec, "--workers", "2"]) == 0
    same, other = (line.split(",") for line in (tmp_path / "scores.csv").read_text().splitlines()[1:])
    assert int(same[3]) > 20 > int(other[3])
    assert same[4] == ""


def test_small_and_bad_images(models: SimpleNamespace) -> None:
    extractor = SavedModelExtractor(models.delg)
    features = extractor.extract(np.zeros((9, 500, 3), np.uint8))
    assert len(features) == 0 and features.descriptors.shape == (0, DEPTH)
    for bad in (np.zeros((20, 20), np.uint8), np.zeros((20, 20, 3), np.float32), np.zeros((0, 20, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"an image must be \[H, W, 3\] uint8 RGB"):
            extractor.extract(bad)


def test_the_fingerprint_covers_every_part(models: SimpleNamespace, tmp_path: Path) -> None:
    folder = tmp_path / "delf"
    shutil.copytree(models.delf, folder)
    found = [SavedModelExtractor(models.delf).fingerprint]
    assert SavedModelExtractor(folder).fingerprint == found[0]
    found.append(SavedModelExtractor(settings(folder, "max_features: 999\n")).fingerprint)
    write_pca(folder / "pca", DEPTH)
    found.append(SavedModelExtractor(settings(folder, "pca_size: 4\n")).fingerprint)
    (folder / "pca" / "mean.datum").write_bytes(encode_datum(np.zeros(DEPTH)))
    found.append(SavedModelExtractor(folder).fingerprint)
    found.append(SavedModelExtractor(models.delg).fingerprint)
    assert len(set(found)) == 5


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    save_delg(tmp_path / "delg", without="boxes")
    with pytest.raises(
        ValueError, match=r"no DELF or DELG with local features: its signature lacks the outputs \['boxes'\]"
    ):
        SavedModelExtractor(tmp_path / "delg")
    save_delf(tmp_path / "delf", without="scores")
    with pytest.raises(ValueError, match=r"delf is no DELF or DELG .*: its graph lacks the tensors \['scores:0'\]"):
        SavedModelExtractor(tmp_path / "delf")
    save_delg(tmp_path / "float", image_type="float32")
    with pytest.raises(ValueError, match="its input input_image is float32, expected uint8"):
        SavedModelExtractor(tmp_path / "float")


def test_files_that_are_missing_or_damaged(models: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no saved_model\.pb in"):
        SavedModelExtractor(tmp_path)
    folder = tmp_path / "delf"
    shutil.copytree(models.delf, folder)
    (folder / "pca").mkdir()
    with pytest.raises(FileNotFoundError, match=r"mean\.datum"):
        SavedModelExtractor(folder)
    write_pca(folder / "pca", DEPTH, rows=3)
    with pytest.raises(ValueError, match=r"pca_proj_mat\.datum is \[3, 6\], expected at least 40 rows"):
        SavedModelExtractor(folder)
    write_pca(folder / "pca", 8)
    with pytest.raises(ValueError, match=r"mean\.datum has 8 numbers, the model's descriptors 6"):
        SavedModelExtractor(settings(folder, "pca_size: 2\n"))
    (variables,) = folder.glob("model/variables/variables.data-*")
    variables.unlink()
    with pytest.raises(FileNotFoundError, match=r"no variables\.data-\* in .*: the model came without its weights"):
        SavedModelExtractor(folder)
    variables.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="cannot be loaded as a SavedModel"):
        SavedModelExtractor(folder)
    (folder / "model" / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(ValueError, match="cannot be loaded as a SavedModel"):
        SavedModelExtractor(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scales: []", "scales must be numbers above 0"),
        ("scales: [1, -1]", "scales must be numbers above 0"),
        ("scales: 3", "scales must be numbers above 0"),
        ("max_features: 0", "max_features must be a whole number of at least 1, got 0"),
        ("max_side: 9", "max_side must be a whole number of at least 10, got 9"),
        ("pca_size: 4.5", "pca_size must be a whole number of at least 1, got 4.5"),
        ("score_threshold: -1", "score_threshold must be at least 0 or null, got -1"),
        ("score_threshold: .nan", "score_threshold must be at least 0 or null"),
        ("whiten: 3", "whiten must be true or false, got 3"),
        ("threshold: 3", r"unknown keys \['threshold'\]; known are \['scales'"),
        ("[1]", "it must hold 'key: value' lines, got list"),
        ("a: [", "extractor.yaml"),
    ],
)
def test_bad_settings(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SavedModelExtractor(settings(tmp_path, text))


def test_default_settings_are_the_authors() -> None:
    config = SavedModelConfig()
    np.testing.assert_allclose(config.scales, [2 ** (step / 2) for step in range(-4, 3)], atol=1e-4)
    assert (config.max_features, config.pca_size, config.whiten) == (1000, 40, False)


@pytest.fixture(scope="module")
def real_delf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authors' DELF v1 graph and PCA mean; weights and PCA matrix, which are not at hand, are random."""
    source = Path(__file__).resolve().parents[2] / "../shared/data/delf_v1/parameters/delf_v1_20171026"
    if not source.is_dir():
        pytest.skip(f"no DELF v1 graph at {source}")
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    v1 = tf.compat.v1
    folder = tmp_path_factory.mktemp("delf_v1")
    (folder / "model" / "variables").mkdir(parents=True)
    data = (source / "model" / "saved_model.pb").read_bytes()
    (folder / "model" / "saved_model.pb").write_bytes(data)
    message = saved_model_pb2.SavedModel()
    message.ParseFromString(data)
    with v1.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        saver = v1.train.import_meta_graph(message.meta_graphs[0])
        session.run(v1.global_variables_initializer())
        path = str(folder / "model" / "variables" / "variables")
        saver.save(session, path, write_meta_graph=False, write_state=False)
    write_pca(folder / "pca", 1024)
    for name in ("mean", "pca_variances"):
        shutil.copyfile(source / "pca" / f"{name}.datum", folder / "pca" / f"{name}.datum")
    return folder


@pytest.mark.slow
def test_the_real_graph(real_delf: Path, real_data: Path) -> None:
    import tensorflow as tf

    from tfrecords_builder.images import read_image

    love = read_image(real_data / "delf_v1/images/love.jpg")
    text = "score_threshold: 0\nscales: [0.25, 0.5]\nmax_side: 500\nmax_features: 300\n"
    extractor = SavedModelExtractor(settings(real_delf, text))
    features = extractor.extract(love)
    # Maps of 3 x 4 and 6 x 8 features: images of 86 x 125 and 171 x 250 pixels at a stride of 32.
    assert features.descriptors.shape == (12 + 48, 40)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    assert set(np.round(features.scales, 4)) == {4.0, 8.0}
    # The photograph was reduced by half: of its scales, a half is the pyramid's.
    grid = (features.locations_yx + 0.5) / 2 - 0.5
    steps = grid / (16 * features.scales[:, None])
    np.testing.assert_allclose(steps, steps.round(), atol=1e-3)
    assert (np.diff(features.scores) <= 0).all()
    # The graph itself, called by hand.
    loaded = tf.saved_model.load(str(real_delf / "model"))
    raw = loaded.signatures["serving_default"](
        input_image=tf.constant(np.ascontiguousarray(love[:160, :200])),
        input_scales=tf.constant([0.25, 0.5]),
        input_abs_thres=tf.constant(0.0),
        input_max_feature_num=tf.constant(300),
    )
    crop = extractor.extract(np.ascontiguousarray(love[:160, :200]))
    boxes = raw["boxes"].numpy()
    np.testing.assert_allclose(crop.locations_yx, (boxes[:, :2] + boxes[:, 2:]) / 2, atol=1e-3)
    pca = extractor._pca
    by_hand = normalize((normalize(raw["features"].numpy()) - pca.mean) @ pca.components)
    np.testing.assert_allclose(crop.descriptors, by_hand, atol=1e-4)
    assert len(SavedModelExtractor(settings(real_delf, "score_threshold: 1.e+30\nscales: [0.25]\n")).extract(love)) == 0

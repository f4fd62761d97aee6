import numpy as np
import pytest
from PIL import Image

from tfrecords_builder.config import BuildConfig
from tfrecords_builder.shards import build_shards
from tfrecords_builder.splits import parse_plan
from tfrecords_builder.stats import build_stats, plot_class_sizes


@pytest.fixture(scope="module")
def build(catalogue, tmp_path_factory):
    out = tmp_path_factory.mktemp("stats") / "out"
    plan = parse_plan(["validation=0.25"])
    build_shards(BuildConfig(csv=catalogue[0], images=catalogue[1], out=out, num_shards=2, splits=plan))
    return out


def test_numbers(build):
    stats = build_stats(build)
    assert {name: (split.records, split.shards) for name, split in stats.splits.items()} == {
        "train": (18, 2),
        "validation": (6, 2),
    }
    assert stats.splits["train"].size_bytes == sum(path.stat().st_size for path in build.glob("train-*.tfrecord"))
    assert stats.class_sizes.tolist() == [9, 6, 3]
    assert stats.refusals == {}


def test_lines(build):
    lines = build_stats(build).lines()
    assert lines[0].startswith("train: 18 photographs in 2 shards, ")
    assert lines[2] == "classes: 3, training photographs of each: smallest 3, median 6, mean 6.0, largest 9"
    assert lines[3] == "refused: none"


def test_json(build):
    assert build_stats(build).as_json()["class_sizes"] == [9, 6, 3]


def test_the_plot_is_a_picture_and_always_the_same(tmp_path):
    sizes = np.random.default_rng(0).zipf(1.6, 2000).clip(0, 5000)
    for name in ("a.png", "b.png"):
        plot_class_sizes(tmp_path / name, sizes)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (840, 480)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_one_class_can_be_plotted(tmp_path):
    plot_class_sizes(tmp_path / "a.png", np.array([1]))
    assert (tmp_path / "a.png").exists()


def test_nothing_to_plot(tmp_path):
    with pytest.raises(ValueError, match="no class has a training photograph"):
        plot_class_sizes(tmp_path / "a.png", np.zeros(3, int))


def test_no_build(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no manifest\.json"):
        build_stats(tmp_path)

from dataclasses import replace
from pathlib import Path

import pytest

from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.label_space import LabelSpace, derived_name
from tfrecords_builder.shards import build_shards
from tfrecords_builder.splits import parse_plan


@pytest.fixture
def index(catalogue, tmp_path) -> Path:
    path = tmp_path / "index_image_to_landmark.csv"
    path.write_bytes(catalogue[0].read_bytes())
    return path


@pytest.fixture
def train(catalogue, tmp_path) -> BuildConfig:
    config = BuildConfig(csv=catalogue[0], images=catalogue[1], out=tmp_path / "train", num_shards=1)
    build_shards(config)
    return config


def test_the_name_says_that_the_labels_are_the_indexs(index):
    with pytest.raises(ValueError, match=r"index_image_to_landmark.csv: its landmark ids are of another label space"):
        read_photographs(index)
    assert len(read_photographs(index, label_space=LabelSpace.INDEX)) == 24


def test_a_table_of_ids_alone_has_no_label_space(tmp_path):
    path = tmp_path / "index_image_to_landmark.csv"
    path.write_text("id\na\n")
    assert len(read_photographs(path)) == 1


def test_training_labels_do_not_fit_the_index(index, train, tmp_path):
    labels = train.out / "labels.csv"
    config = replace(train, csv=index, labels=labels, splits=parse_plan(["index"]), out=tmp_path / "index")
    with pytest.raises(ValueError, match="another label space than those of train"):
        build_shards(config)
    with pytest.raises(ValueError, match=r"label space 'train', the catalogue is of 'index': equal numbers are diff"):
        build_shards(replace(config, label_space=LabelSpace.INDEX))


def test_the_index_has_labels_of_its_own(index, train, tmp_path):
    own = replace(train, csv=index, label_space=LabelSpace.INDEX, out=tmp_path / "index")
    manifest = build_shards(own)
    assert manifest.settings["label_space"] == "index"
    labels = own.out / "labels.csv"
    build_shards(replace(own, labels=labels, splits=parse_plan(["index"]), out=tmp_path / "again"))
    with pytest.raises(ValueError, match="label space 'index', the catalogue is of 'train'"):
        build_shards(replace(train, labels=labels, out=tmp_path / "mixed"))


def test_what_is_derived_keeps_the_name():
    assert derived_name("train.csv", LabelSpace.TRAIN) == "train.csv"
    assert derived_name("train.csv", LabelSpace.INDEX) == "index_image_to_landmark_train.csv"
    assert derived_name("index_image_to_landmark_top.csv", LabelSpace.INDEX) == "index_image_to_landmark_top.csv"

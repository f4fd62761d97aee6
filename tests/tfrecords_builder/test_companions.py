import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tfrecords_builder.companions import read_categories, write_attribution, write_categories
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.labels import Labels
from tfrecords_builder.manifest import read_manifest
from tfrecords_builder.shards import build_shards

HEADER = "id,url,author,license,title\n"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "train_attribution.csv"
    path.write_text(
        HEADER + 'b,http://x/b,"Doe, Jane",CC0,"A ""title"" of\ntwo lines"\n'
        "zz,http://x/z,Z,CC0,Z\n"
        "a,http://x/a,Zoë,CC BY 4.0,=1+1\n"
    )
    return path


def test_rows_of_the_records_are_kept(source, tmp_path):
    told = write_attribution(tmp_path, source, ["a", "b", "c"])
    data = (tmp_path / "attribution.csv").read_bytes()
    assert told == {
        "sha256": hashlib.sha256(data).hexdigest(),
        "records": 2,
        "missing": 1,
        "licenses": {"CC BY 4.0": 1, "CC0": 1},
    }
    table = pd.read_csv(tmp_path / "attribution.csv", keep_default_na=False)
    assert table.to_numpy().tolist() == [
        ["b", "http://x/b", "Doe, Jane", "CC0", 'A "title" of\ntwo lines'],
        ["a", "http://x/a", "Zoë", "CC BY 4.0", "=1+1"],
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,url,author,license\na,,,\n", "has no column title"),
        (HEADER + "a,,,,\nb,,,,\na,,,,\n", "line 4: id 'a' occurs twice"),
        (HEADER + "a,,,,,,\n", "more fields than its header"),
    ],
)
def test_bad_attributions_are_refused(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        write_attribution(tmp_path, path, ["a", "b"])
    assert not (tmp_path / "attribution.csv").exists()


def test_an_id_that_is_twice_but_in_no_record_does_not_matter(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(HEADER + "x,,,,\nx,,,,\n")
    assert write_attribution(tmp_path, path, ["a"])["missing"] == 1


def test_names_of_classes(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("landmark_id,category\n9,Nine\n7,\n5,Five\n1,One\n")
    assert read_categories(path) == {9: "Nine", 5: "Five", 1: "One"}
    labels = Labels(landmark_ids=np.array([5, 7, 9]), images=np.array([1, 1, 1]))
    told = write_categories(tmp_path, path, labels)
    assert (told["named"], told["unnamed"]) == (2, 1)
    assert (tmp_path / "categories.csv").read_text() == "landmark_id,category\n5,Five\n9,Nine\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("landmark_id,name\n1,a\n", "has no column category"),
        ("landmark_id,category\nx,a\n", "line 2: landmark_id 'x' is not a whole number"),
        ("landmark_id,category\n1,a\n1,b\n", "line 3: landmark_id 1 is named twice"),
    ],
)
def test_bad_names_are_refused(tmp_path, content, message):
    path = tmp_path / "names.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_categories(path)


def test_both_travel_with_a_build(catalogue, tmp_path, contents):
    csv, images = catalogue
    ids = [line.split(",")[0] for line in csv.read_text().splitlines()[1:]]
    (tmp_path / "who.csv").write_text(HEADER + "".join(f"{image},u,A,CC0,T\n" for image in ids[:20]))
    (tmp_path / "names.csv").write_text("landmark_id,category\n7,Seven\n8,Eight\n")
    config = BuildConfig(
        csv=csv,
        images=images,
        out=tmp_path / "out",
        num_shards=1,
        attribution=tmp_path / "who.csv",
        categories=tmp_path / "names.csv",
    )
    build_shards(config)
    manifest = read_manifest(config.out)
    assert (manifest.attribution["records"], manifest.attribution["missing"]) == (20, 4)
    assert (manifest.categories["named"], manifest.categories["unnamed"]) == (1, 2)
    assert (config.out / "labels.csv").read_text().startswith("label,landmark_id,images\n")
    before = contents(config.out)
    build_shards(config)
    assert contents(config.out) == before
    (tmp_path / "names.csv").write_text("landmark_id,category\n7,Sept\n")
    with pytest.raises(ValueError, match=r"other settings \(inputs.categories was"):
        build_shards(config)
    plain = build_shards(replace(config, out=tmp_path / "plain", attribution=None, categories=None))
    assert (plain.attribution, plain.categories) == ({}, {})

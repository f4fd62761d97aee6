from pathlib import Path

import pytest

from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.cli import app
from tfrecords_builder.folder_catalog import read_folder, write_folder_catalog
from tfrecords_builder.images import locate
from tfrecords_builder.terminal import run_app


@pytest.fixture
def photos(tmp_path, scene, encode) -> Path:
    """Three classes; 001.jpg is in two of them, and one name is no id."""
    root = tmp_path / "photos"
    names = [
        "Église/001.jpg",
        "Église/002.PNG",
        "arc/001.jpg",
        "arc/deep/er/x y.jpeg",
        "tower/t-1.webp",
        "arc/notes.txt",
    ]
    for number, name in enumerate([*names, "arc/.hidden.jpg"]):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(scene(seed=number)))
    return root


def test_class_folders(photos):
    catalog = read_folder(photos)
    assert catalog.categories == {0: "arc", 1: "tower", 2: "Église"}
    assert catalog.photographs["landmark_id"].tolist() == [0, 0, 1, 2, 2]
    ids = dict(zip(map(str, catalog.paths), catalog.photographs["id"], strict=True))
    assert (ids["tower/t-1.webp"], ids["Église/002.PNG"]) == ("t-1", "002")
    hashed = [ids["arc/001.jpg"], ids["Église/001.jpg"], ids["arc/deep/er/x y.jpeg"]]
    assert len(set(hashed)) == 3
    assert all(len(text) == 16 and int(text, 16) for text in hashed)


def test_a_flat_folder_has_no_landmarks(tmp_path, scene, encode):
    for name in ("b.jpg", "a.png"):
        (tmp_path / name).write_bytes(encode(scene()))
    catalog = read_folder(tmp_path)
    assert catalog.photographs.to_numpy().tolist() == [["a", -1], ["b", -1]]
    assert catalog.categories == {}


def test_what_is_written_can_be_built(photos, tmp_path, capsys):
    out = tmp_path / "catalogue"
    line = ["catalog", "--images", str(photos), "--out", str(out)]
    assert run_app(app, line) == run_app(app, line) == 0
    assert "catalogue.csv: 5 photographs, 3 landmarks" in capsys.readouterr().out
    assert (out / "categories.csv").read_text() == "landmark_id,category\n0,arc\n1,tower\n2,Église\n"
    for image_id in read_photographs(out / "catalogue.csv")["id"]:
        assert locate(out / "images", image_id).stat().st_nlink == 2
    shards = ["shards", "--csv", out / "catalogue.csv", "--images", out / "images", "--out", tmp_path / "shards"]
    options = ["--categories", out / "categories.csv", "--workers", 1, "--num-shards", 1]
    assert run_app(app, list(map(str, [*shards, *options]))) == 0
    assert "train: 5 photographs in 1 shards" in capsys.readouterr().out


def test_another_folder_of_the_same_classes_keeps_their_ids(photos, tmp_path):
    write_folder_catalog(photos, tmp_path / "first")
    (photos / "arc").rename(tmp_path / "away")
    again = read_folder(photos, tmp_path / "first/categories.csv")
    assert again.categories == {1: "tower", 2: "Église"}
    (photos / "tower").rename(photos / "castle")
    with pytest.raises(ValueError, match="does not name 1 class folders, the first is 'castle'"):
        read_folder(photos, tmp_path / "first/categories.csv")


def test_links_are_left_out(photos, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (photos / "arc/link.jpg").symlink_to(tmp_path / "secret.jpg")
    (photos / "loop").symlink_to(tmp_path)
    assert len(read_folder(photos).paths) == 5


def test_copies_where_links_are_impossible(photos, tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError("cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    catalog = write_folder_catalog(photos, tmp_path / "out")
    for image_id, path in zip(catalog.photographs["id"], catalog.paths, strict=True):
        assert locate(tmp_path / "out/images", image_id).read_bytes() == (photos / path).read_bytes()


def test_folders_that_make_no_catalogue_are_refused(photos, tmp_path):
    with pytest.raises(NotADirectoryError, match="no folder of photographs at"):
        read_folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no photograph"):
        read_folder(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"lies in .*: its links would become photographs"):
        write_folder_catalog(photos, photos / "out")
    (photos / "loose.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"holds photographs such as loose.jpg beside class folders"):
        read_folder(photos)


def test_a_class_name_of_control_characters_is_refused(photos):
    (photos / "arc").rename(photos / "a\nb")
    with pytest.raises(ValueError, match=r"class folder 'a\\nb' has characters that cannot be printed"):
        read_folder(photos)

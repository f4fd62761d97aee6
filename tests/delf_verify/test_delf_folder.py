from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from delf_verify import delf_folder
from delf_verify.delf_folder import export_store, id_of, import_folder, path_of
from delf_verify.delf_io import read_delf, write_delf
from delf_verify.feature_store import FeatureStore
from delf_verify.features import LocalFeatures

IDS = [
    "0123456789abcdef",
    "queries/a.jpg",
    "x",
    "x.delf/y",
    "x%2Edelf/y",
    "a.delf",
    "../../etc/passwd",
    "/etc/passwd",
    "a//b",
    "a/./b",
    "..",
    "é ü",
    'q"u\n\0o',
    "a%2Fb",
    "a/b",
    "C:\\x",
    "features.json",
    "X" * 250,
]


def test_every_id_has_its_own_file_within_the_folder() -> None:
    paths = [path_of(image_id) for image_id in IDS]
    assert len({str(path).lower() for path in paths}) == len(IDS)
    for image_id, path in zip(IDS, paths, strict=True):
        assert id_of(path) == image_id
        assert not path.is_absolute() and ".." not in path.parts and path.suffix == ".delf"
        assert str(path).isascii() and "\\" not in str(path)
    folders = {str(parent) for path in paths for parent in path.parents}
    assert not folders & {str(path) for path in paths}
    assert path_of("queries/a.jpg") == PurePosixPath("queries/a.jpg.delf")


@pytest.mark.parametrize("image_id", ["", "X" * 251, "a/" + "é" * 50])
def test_ids_that_cannot_be_names(image_id: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        path_of(image_id)


@pytest.fixture
def store(tmp_path: Path, make_features) -> FeatureStore:
    """An image for every id; the last two have no features."""
    with FeatureStore(tmp_path / "store", "sift-1", 7) as store:
        for place, image_id in enumerate(IDS):
            features = make_features(place, 8, seed=place) if place < len(IDS) - 2 else LocalFeatures.empty(8)
            store.add(image_id, features)
    return store


def assert_same(found: FeatureStore, expected: FeatureStore) -> None:
    assert list(found) == list(expected)
    for image_id in expected:
        for name in ("locations_yx", "descriptors", "scores", "scales"):
            np.testing.assert_array_equal(getattr(found.get(image_id), name), getattr(expected.get(image_id), name))


def test_a_store_comes_back(store: FeatureStore, tmp_path: Path) -> None:
    out = tmp_path / "delf" / "out"
    assert export_store(store.folder, out) == (len(IDS), 0)
    assert len(list((tmp_path / "delf").rglob("*.delf"))) == len(IDS)
    # The folder says whose features they are.
    found = import_folder(out, tmp_path / "again", None)
    assert (found.added, found.there, found.refused) == (len(IDS), 0, {})
    assert_same(FeatureStore(tmp_path / "again", "sift-1"), store)
    assert import_folder(out, tmp_path / "again", "sift-1").there == len(IDS)


def test_a_killed_export_or_import_goes_on(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed_after(count: int, real):
        calls = []

        def call(*arguments):
            calls.append(arguments)
            if len(calls) > count:
                raise KeyboardInterrupt
            return real(*arguments)

        return call

    monkeypatch.setattr(delf_folder, "write_delf", killed_after(5, write_delf))
    with pytest.raises(KeyboardInterrupt):
        export_store(store.folder, tmp_path / "out")
    monkeypatch.undo()
    assert export_store(store.folder, tmp_path / "out") == (len(IDS) - 5, 5)
    monkeypatch.setattr(delf_folder, "read_delf", killed_after(5, read_delf))
    with pytest.raises(KeyboardInterrupt):
        import_folder(tmp_path / "out", tmp_path / "again", None)
    monkeypatch.undo()
    found = import_folder(tmp_path / "out", tmp_path / "again", None)
    assert found.added + found.there == len(IDS) and found.there >= 3
    assert_same(FeatureStore(tmp_path / "again", "sift-1"), store)


def test_damaged_files_and_other_lengths_are_refused(tmp_path: Path, make_features) -> None:
    folder = tmp_path / "in"
    for name, dimension in (("a", 8), ("c/d", 8), ("e", 4)):
        write_delf(make_features(3, dimension), folder / f"{name}.delf")
    (folder / "b.delf").write_bytes(b"\x0a\x05abc")
    (folder / "note.txt").write_text("no features")
    (folder / "loop.delf").symlink_to("loop.delf")
    found = import_folder(folder, tmp_path / "store", "x")
    assert found.added == 2
    assert set(found.refused) == {"b", "e", "loop"}
    assert "b.delf is no file of DELF features: byte 0" in found.refused["b"]
    assert found.refused["e"] == "descriptors of 4 numbers, those before of 8"
    # A store that grows keeps its length.
    assert import_folder(folder, tmp_path / "store", "x").refused["e"].endswith("those before of 8")


def test_folders_and_fingerprints_that_do_not_fit(store: FeatureStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no store\.json in"):
        export_store(tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "none").exists()
    with pytest.raises(FileNotFoundError, match="no folder at"):
        import_folder(tmp_path / "none", tmp_path / "again", "x")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="does not say which extractor made its features: give --fingerprint"):
        import_folder(tmp_path / "bare", tmp_path / "again", None)
    export_store(store.folder, tmp_path / "out")
    with pytest.raises(ValueError, match="its features are of 'sift-1', not of 'delf-1'"):
        import_folder(tmp_path / "out", tmp_path / "again", "delf-1")
    FeatureStore(tmp_path / "other", "delf-1")
    with pytest.raises(ValueError, match="its features are of 'sift-1', not of 'delf-1'"):
        export_store(tmp_path / "other", tmp_path / "out")
    with pytest.raises(ValueError, match="holds features of 'delf-1', not of 'sift-1'"):
        import_folder(tmp_path / "out", tmp_path / "other", None)

from pathlib import Path

import pytest

from delf_verify.feature_store import FeatureStore
from delf_verify.photograph_sizes import SIZES_FILE, check_sizes, sizes_digest
from delf_verify.sources import FolderSource


@pytest.fixture
def world(tmp_path: Path, make_features) -> tuple[FolderSource, FeatureStore]:
    """Photographs abc (in a/b/c) and flat, whose features are stored, and one without."""
    root = tmp_path / "photographs"
    (root / "a/b/c").mkdir(parents=True)
    for name, size in (("a/b/c/abc", 10), ("flat", 20), ("other", 30)):
        (root / f"{name}.jpg").write_bytes(bytes(size))
    with FeatureStore(tmp_path / "store", "f") as store:
        for name in ("abc", "flat", "gone"):
            store.add(name, make_features(3))
    return FolderSource(root), store


IDS = ["abc", "flat", "other", "gone"]


def test_sizes_are_noted_once(world: tuple[FolderSource, FeatureStore]) -> None:
    source, store = world
    assert check_sizes(IDS, source, store) == {"abc": 10, "flat": 20}
    assert (store.folder / SIZES_FILE).read_text() == "id,bytes\nabc,10\nflat,20\n"
    written = (store.folder / SIZES_FILE).stat().st_mtime_ns
    assert check_sizes(["flat", "other"], source, store) == {"flat": 20}
    assert (store.folder / SIZES_FILE).stat().st_mtime_ns == written


@pytest.mark.parametrize("name", ["a/b/c/abc", "flat"])
def test_a_replaced_photograph_is_noticed(world: tuple[FolderSource, FeatureStore], name: str) -> None:
    source, store = world
    check_sizes(IDS, source, store)
    path = source.root / f"{name}.jpg"
    before = path.stat().st_size
    path.write_bytes(bytes(before))
    check_sizes(IDS, source, store)
    path.write_bytes(bytes(before + 1))
    with pytest.raises(ValueError, match=rf"{path.stem}.* has {before + 1} bytes and had {before} .*Delete .*store"):
        check_sizes(IDS, source, store)


def test_a_photograph_that_is_gone_is_no_error(world: tuple[FolderSource, FeatureStore]) -> None:
    source, store = world
    check_sizes(IDS, source, store)
    (source.root / "flat.jpg").unlink()
    check_sizes(IDS, source, store)


def test_the_digest_tells_sizes_apart() -> None:
    sizes = [{}, {"a": 1}, {"a": 2}, {"b": 1}, {"a": 1, "b": 1}, {"a": 11}]
    assert len({sizes_digest(one) for one in sizes}) == len(sizes)
    assert sizes_digest({"a": 1, "b": 2}) == sizes_digest({"b": 2, "a": 1})


def test_a_damaged_list_is_said(world: tuple[FolderSource, FeatureStore]) -> None:
    source, store = world
    for text in ("id\n", "id,bytes\nabc,ten\n", "id,bytes\nabc\n", ""):
        (store.folder / SIZES_FILE).write_text(text)
        with pytest.raises(ValueError, match=r"photographs\.csv is damaged .*: delete it"):
            check_sizes(IDS, source, store)

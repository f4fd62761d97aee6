import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from delf_verify import feature_store
from delf_verify.feature_store import FeatureStore, as_stored
from delf_verify.features import LocalFeatures

ROOT = Path(__file__).resolve().parents[2]


def assert_same(found: LocalFeatures, expected: LocalFeatures) -> None:
    for name in ("locations_yx", "descriptors", "scores", "scales"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == np.float32
    assert found.pixel_size == expected.pixel_size


@pytest.fixture
def images(make_features) -> dict[str, LocalFeatures]:
    """Features of ten images as a store keeps them; one has none, and the ids are not tame."""
    ids = ["a", "b/c.jpg", "../../etc/passwd", "é ü", 'with "quotes", commas', "line\nbreak", "g", "h", "i", "empty"]
    counts = dict.fromkeys(ids, 0) | {name: i for i, name in enumerate(ids[:-1])}
    return {
        name: replace(as_stored(make_features(count, 8, seed=count)), pixel_size=1 + count / 7)
        for name, count in counts.items()
    }


@pytest.mark.parametrize("images_per_shard", [1, 3, 100])
def test_what_was_added_comes_back(tmp_path: Path, images, images_per_shard: int) -> None:
    with FeatureStore(tmp_path / "s", "sift", images_per_shard) as store:
        for name, features in images.items():
            store.add(name, features)
            assert_same(store.get(name), features)
    again = FeatureStore(tmp_path / "s", "sift")
    for name, features in images.items():
        assert_same(again.get(name), features)
        assert name in again
    assert list(again) == sorted(images)
    assert len(again) == 10
    assert "other" not in again
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path / "s"}


def test_descriptors_are_rounded_when_they_are_added(tmp_path: Path, make_features) -> None:
    features = make_features(50, 40)
    store = FeatureStore(tmp_path, "sift")
    store.add("a", features)
    pending = store.get("a")
    store.flush()
    for found in (pending, store.get("a"), FeatureStore(tmp_path, "sift").get("a")):
        assert_same(found, as_stored(features))
    np.testing.assert_array_equal(found.descriptors, features.descriptors.astype(np.float16).astype(np.float32))
    assert not np.array_equal(found.descriptors, features.descriptors)
    for name in ("locations_yx", "scores", "scales"):
        np.testing.assert_array_equal(getattr(found, name), getattr(features, name))
    assert_same(as_stored(found), found)


def test_an_image_takes_96_kilobytes(tmp_path: Path, make_features) -> None:
    with FeatureStore(tmp_path, "sift") as store:
        for i in range(10):
            store.add(str(i), make_features(1000, 40))
    assert 960_000 < sum(path.stat().st_size for path in tmp_path.iterdir()) < 961_000


def test_missing_keeps_the_order_and_names_each_once(tmp_path: Path, images) -> None:
    store = FeatureStore(tmp_path, "sift")
    store.add("g", images["g"])
    assert store.missing(["z", "g", "a", "z", "b"]) == ["z", "a", "b"]


def test_a_store_grows_over_several_runs(tmp_path: Path, images) -> None:
    for name, features in images.items():
        with FeatureStore(tmp_path, "sift") as store:
            store.add(name, features)
    assert FeatureStore(tmp_path, "sift").missing(images) == []


def test_the_same_features_give_the_same_bytes(tmp_path: Path, images) -> None:
    contents = []
    for folder in ("one", "two"):
        with FeatureStore(tmp_path / folder, "sift", 4) as store:
            for name, features in images.items():
                store.add(name, features)
        contents.append({path.name: path.read_bytes() for path in sorted((tmp_path / folder).iterdir())})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 1 + 2 * 3


def test_two_writers_share_a_store(tmp_path: Path, images) -> None:
    one, two = FeatureStore(tmp_path, "sift"), FeatureStore(tmp_path, "sift")
    names = list(images)
    for name in names[:6]:
        one.add(name, images[name])
    for name in names[4:]:
        two.add(name, images[name])
    one.flush()
    two.flush()
    both = FeatureStore(tmp_path, "sift")
    for name, features in images.items():
        assert_same(both.get(name), features)
    assert len(both) == 10


def test_features_of_another_extractor_are_refused(tmp_path: Path) -> None:
    FeatureStore(tmp_path, "sift-1")
    with pytest.raises(ValueError, match="holds features of 'sift-1', not of 'delf-2'"):
        FeatureStore(tmp_path, "delf-2")


def test_bad_additions_are_refused(tmp_path: Path, make_features) -> None:
    store = FeatureStore(tmp_path, "sift")
    store.add("a", make_features(2, 8))
    with pytest.raises(ValueError, match="image 'a' is already in"):
        store.add("a", make_features(2, 8))
    with pytest.raises(ValueError, match="image 'b' has descriptors of 4 numbers, those before it 8"):
        store.add("b", make_features(2, 4))
    with pytest.raises(ValueError, match="must not be empty"):
        store.add("", make_features(2, 8))
    with pytest.raises(ValueError, match="float16 holds numbers below 65520, got one of 70000: scale to unit length"):
        store.add("b", LocalFeatures(np.zeros((1, 2)), np.full((1, 8), -70000.0), np.zeros(1), np.zeros(1)))
    with pytest.raises(KeyError, match="image 'c' is not in the feature store"):
        store.get("c")
    with pytest.raises(ValueError, match="images_per_shard must be at least 1, got 0"):
        FeatureStore(tmp_path, "sift", 0)


def test_an_error_in_the_block_keeps_what_was_added(tmp_path: Path, make_features) -> None:
    with pytest.raises(RuntimeError, match="a broken image"), FeatureStore(tmp_path, "sift") as store:
        store.add("a", make_features(2))
        raise RuntimeError("a broken image")
    assert "a" in FeatureStore(tmp_path, "sift")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("store.json", b"", "describes no feature store"),
        ("store.json", b"[]", "describes no feature store"),
        ("store.json", b'{"version": 99, "fingerprint": "sift"}', "has version 99, this program reads 3"),
        ("store.json", b'{"version": 1, "fingerprint": "sift"}', "has version 1, .* delete the folder or use another"),
        ("*.csv", b"", "must begin with id,start,count,pixel_size; delete it and its .npy"),
        ("*.csv", b"id,start,count,pixel_size\na,0\n", "is damaged .* delete it and its .npy"),
        ("*.csv", b"id,start,count,pixel_size\na,zero,2,1.0\n", "is damaged .* delete it and its .npy"),
        ("*.csv", b"id,start,count,pixel_size\na,0,200,1.0\n", "shorter than its .csv says"),
        ("*.csv", b"id,start,count,pixel_size\na,-1,1,1.0\n", "is damaged .* delete it and its .npy"),
        ("*.npy", b"", "is damaged .* delete it and its .csv"),
        ("*.npy", b"\x93NUMPY\x01\x00", "is damaged .* delete it and its .csv"),
        ("*.npy", None, "is damaged .* delete it and its .csv"),
    ],
)
def test_damaged_files_are_told(tmp_path: Path, make_features, name: str, content: bytes | None, message: str) -> None:
    with FeatureStore(tmp_path, "sift") as store:
        store.add("a", make_features(2))
    (path,) = tmp_path.glob(name)
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    with pytest.raises(ValueError, match=message):
        FeatureStore(tmp_path, "sift").get("a")


def test_an_array_that_is_no_shard_is_refused(tmp_path: Path, make_features) -> None:
    with FeatureStore(tmp_path, "sift") as store:
        store.add("a", make_features(2))
    (path,) = tmp_path.glob("*.npy")
    good = np.load(path)
    wide = [(name, good.dtype[name] if name != "descriptor" else ("<f4", 16)) for name in good.dtype.names]
    infinite = good.copy()
    infinite["descriptor"][1, 3] = np.inf
    nan = good.copy()
    nan["score"][0] = np.nan
    for other in (np.zeros((2, 3)), np.array([{}, {}], dtype=object), good.astype(wide), infinite, nan):
        np.save(path, other, allow_pickle=True)
        with pytest.raises(ValueError, match="is damaged"):
            FeatureStore(tmp_path, "sift").get("a")


def test_a_shard_without_its_table_does_not_count(tmp_path: Path, images, monkeypatch) -> None:
    """Killed between the two files: the images are missing, and adding them again mends the store."""
    real = feature_store.atomic_write

    def fail_for_tables(path, *arguments, **keywords):
        if Path(path).suffix == ".csv":
            raise KeyboardInterrupt
        return real(path, *arguments, **keywords)

    store = FeatureStore(tmp_path, "sift")
    store.add("a", images["a"])
    monkeypatch.setattr(feature_store, "atomic_write", fail_for_tables)
    with pytest.raises(KeyboardInterrupt):
        store.flush()
    monkeypatch.undo()
    assert list(tmp_path.glob("*.npy"))
    with FeatureStore(tmp_path, "sift") as again:
        assert again.missing(["a"]) == ["a"]
        again.add("a", images["a"])
    assert_same(FeatureStore(tmp_path, "sift").get("a"), images["a"])


def test_a_killed_writer_loses_at_most_what_was_not_flushed(tmp_path: Path) -> None:
    program = f"""
import itertools, sys
import numpy as np
from delf_verify.feature_store import FeatureStore, as_stored
from delf_verify.features import LocalFeatures
store = FeatureStore({str(tmp_path)!r}, "sift", 4)
for i in itertools.count():
    n = np.full(30, i, np.float32)
    store.add(f"image{{i}}", LocalFeatures(np.stack([n, n], 1), np.stack([n] * 64, 1), n, n))
    print(i, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    added = -1
    while added < 25:
        added = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    rest = process.communicate()[0].split()
    added = int(rest[-1]) if rest else added
    store = FeatureStore(tmp_path, "sift")
    assert len(store) >= added + 1 - 4
    for name in store:
        assert (store.get(name).descriptors == int(name.removeprefix("image"))).all()


def test_random_access_is_quick(tmp_path: Path, make_features) -> None:
    """1000 x 40 numbers: 0.1 ms on an idle machine; the limit leaves room for a busy one."""
    features = make_features(1000, 40)
    with FeatureStore(tmp_path, "sift", 20) as store:
        for i in range(60):
            store.add(str(i), features)
    store = FeatureStore(tmp_path, "sift")
    order = [str(i) for i in np.random.default_rng(0).permutation(60)]
    times = []
    for _ in range(3):
        for name in order:
            started = time.perf_counter()
            store.get(name)
            times.append(time.perf_counter() - started)
    assert np.median(times) < 2e-3


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux lists the maps of a process")
@pytest.mark.parametrize(("limit", "most"), [(1 << 30, 64), (1000, 7), (1, 1)])
def test_few_shards_are_mapped_at_once(tmp_path: Path, make_features, monkeypatch, limit: int, most: int) -> None:
    """A shard of three features of 16 numbers has 144 bytes; the features are right whatever is mapped."""
    monkeypatch.setattr(feature_store, "_MAX_MAPPED", limit)
    many = {f"i{number}": make_features(3, seed=number) for number in range(80)}
    with FeatureStore(tmp_path, "f", images_per_shard=1) as store:
        for image_id, features in many.items():
            store.add(image_id, features)
    store = FeatureStore(tmp_path, "f")
    for image_id in [*many, *reversed(many), "i0", "i79"]:
        np.testing.assert_array_equal(store.get(image_id).locations_yx, many[image_id].locations_yx)
    maps = Path("/proc/self/maps").read_text()
    assert 1 <= maps.count(str(tmp_path)) <= most

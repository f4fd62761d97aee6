"""Append, merge, delete and restrict against lists, and what they refuse."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfland.recognition.embeddings import Embeddings
from tfland.recognition.index_rows import Rows, require_same_model


def make(names: str, *, dtype: str = "float32", fingerprint: str = "f", dimensions: int = 2) -> Embeddings:
    """One row a letter; landmark and vector follow from it, so that equal letters are equal rows."""
    codes = np.array([ord(name) for name in names])
    return Embeddings(
        ids=np.array(list(names)),
        landmark_ids=(codes % 3).astype(np.int64),
        vectors=np.stack([codes * (place + 1) / 128 for place in range(dimensions)], axis=1).astype(dtype),
        fingerprint=fingerprint,
        model={"weights_sha256": fingerprint},
    )


def check(made: Embeddings, names: str) -> None:
    expected = make(names)
    assert "".join(made.ids) == names
    assert made.landmark_ids is not None and expected.landmark_ids is not None
    assert (made.landmark_ids == expected.landmark_ids).all()
    assert (made.vectors == expected.vectors).all()


def letters(text: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(text), min_size=1, unique=True).map("".join)


@given(letters("abcdefgh"), letters("ijklmno"), letters("abcdefghijklmnopq"))
def test_changes_are_those_of_lists(first: str, second: str, third: str) -> None:
    rows = Rows.all_of(make(first)).append(make(second))
    names = first + second
    check(rows.gather(), names)
    rows, names = rows.merge(make(third)), names + "".join(name for name in third if name not in names)
    check(rows.gather(), names)
    gone = names[::2]
    if names != gone:
        rows, names = rows.delete(list(gone)), "".join(name for name in names if name not in gone)
        check(rows.gather(), names)
    wanted = {ord(name) % 3 for name in names[:1]}
    check(rows.restrict(wanted).gather(), "".join(name for name in names if ord(name) % 3 in wanted))


def test_methods_of_embeddings() -> None:
    index = make("abc")
    check(index.append(make("d")), "abcd")
    check(index.merge(make("bcd")), "abcd")
    check(index.delete(["b"]), "ac")
    check(index.restrict([ord("a") % 3]), "a")


def test_files_are_those_of_the_copy_in_memory(tmp_path: Path) -> None:
    rows = Rows.all_of(make("abcd")).append(make("xyz", dtype="float16")).delete(["b", "y"])
    rows.save(tmp_path / "a")
    rows.gather().save(tmp_path / "b")
    for name in ("embeddings.npy", "rows.csv", "embeddings.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    # The order of changes does not matter where the rows are the same.
    Rows.all_of(make("acd")).append(make("xz")).save(tmp_path / "b")
    assert (tmp_path / "a" / "embeddings.npy").read_bytes() == (tmp_path / "b" / "embeddings.npy").read_bytes()


def test_dtype_is_that_of_the_index() -> None:
    assert make("ab", dtype="float16").append(make("c")).vectors.dtype == np.float16
    assert make("ab").append(make("c", dtype="float16")).vectors.dtype == np.float32
    assert make("ab", dtype="float64").delete(["a"]).vectors.dtype == np.float32


def test_an_index_of_another_model_is_refused() -> None:
    index, other = make("ab"), make("cd", fingerprint="g")
    for change in (index.append, index.merge):
        with pytest.raises(ValueError, match=r"the index is of another model .weights_sha256 'f' and 'g'.; embed with"):
            change(other)
    with pytest.raises(ValueError, match=r"another model .fingerprints differ."):
        require_same_model(replace(index, model={}), replace(other, model={}))
    with pytest.raises(ValueError, match="2 numbers in the index and 3 in the others"):
        index.append(make("c", dimensions=3))
    require_same_model(index, make("xyz"))


def test_what_is_refused() -> None:
    index = make("abc")
    with pytest.raises(ValueError, match=r"id 'b' is there already \(2 such ids\)"):
        index.append(make("xbc"))
    with pytest.raises(ValueError, match=r"id 'x' is not among the 3 photographs \(1 such ids\); nothing was deleted"):
        index.delete(["a", "x"])
    with pytest.raises(ValueError, match="that deletes all 3 photographs"):
        index.delete("abc")
    with pytest.raises(ValueError, match="none of 3 photographs shows one of these 2 landmarks"):
        index.restrict([70, 80])
    with pytest.raises(ValueError, match="one of the two has landmark ids"):
        index.append(replace(make("x"), landmark_ids=None))
    with pytest.raises(ValueError, match="landmarks of these 3 photographs are not known"):
        replace(index, landmark_ids=None).restrict([1])
    with pytest.raises(ValueError, match="landmark 70 has no photograph"):
        Rows.all_of(index).ids_of(70)


def test_a_merge_refuses_rows_that_contradict_each_other() -> None:
    index = make("abc").append(make("de"))
    other = make("ec")
    with pytest.raises(ValueError, match=r"id 'c' has another landmark in the other index \(1 such ids\)"):
        index.merge(replace(other, landmark_ids=np.array([2, 1])))
    vectors = other.vectors.copy()
    vectors[0] *= 2
    with pytest.raises(ValueError, match="id 'e' has another vector in the other index"):
        Rows.all_of(make("abc")).append(make("de")).merge(replace(other, vectors=vectors))
    # float16 beside float32: compared as the index holds them.
    check(make("abc").merge(replace(other, vectors=other.vectors.astype(np.float16))), "abce")

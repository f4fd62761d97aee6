import pytest

from tfrecords_builder.resizing import ResizeMode
from tfrecords_builder.size_options import read_size


def test_sizes():
    assert read_size(0, "", 0) == (0, ResizeMode.LONGEST)
    assert read_size(512, "", 0) == read_size(0, "longest", 512) == (512, ResizeMode.LONGEST)
    assert read_size(0, "exact", 64) == (64, ResizeMode.EXACT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((0, "exact", 0), "--resize exact --size 0: give both"),
        ((0, "", 64), "--resize none --size 64: give both"),
        ((512, "longest", 64), "--max-side 512 and --resize longest: give one of them"),
        ((0, "widest", 64), "--resize 'widest': choose longest, shortest, exact"),
    ],
)
def test_sizes_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        read_size(*options)

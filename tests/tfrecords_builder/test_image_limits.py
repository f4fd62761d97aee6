import pickle

import pytest

from tfrecords_builder.image_limits import ImageLimits, ImageRefused, Refusal


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_pixels": 0}, "max_pixels=0"),
        ({"max_pixels": 10**9}, "max_pixels=1000000000: choose 1 to"),
        ({"max_bytes": 0}, "max_bytes=0: must be positive"),
        ({"min_side": 0}, "min_side=0: must be at least 1 pixel"),
        ({"max_aspect": 0.5}, r"max_aspect=0.5: choose 0 \(any\) or at least 1"),
        ({"max_aspect": float("nan")}, "max_aspect=nan: choose 0"),
    ],
)
def test_bad_limits_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ImageLimits(**options)


def test_a_refusal_travels_between_processes():
    copy = pickle.loads(pickle.dumps(ImageRefused(Refusal.TRUNCATED, "JPEG: ends early")))  # noqa: S301 - our own
    assert (copy.reason, copy.detail) == (Refusal.TRUNCATED, "JPEG: ends early")
    assert str(copy) == "truncated: JPEG: ends early"

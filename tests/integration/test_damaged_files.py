"""Two thousand damaged files, of which none crashes or holds up a build; and random bytes for the decoder."""

import os
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrecords_builder.images import ImageLimits, ImageRefused, Refusal, decode_image
from tfrecords_builder.prepare import prepare_jpeg
from tfrecords_builder.resizing import ResizeMode

ROOT = Path(__file__).resolve().parents[2]
FILES = 2000
# Far above what was measured (2.5 s for 79 megapixels on a busy machine): a hang is what it is to tell.
LIMIT_S = 30
WITHOUT_CHANCE = {"cut", "other header", "empty", "noise", "zip bomb", "svg bomb", "scans bomb"}

START = {
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00",
    "PNG": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x20\x00\x00\x00\x20\x08\x02\x00\x00\x00",
    "GIF": b"GIF89a\x20\x00\x20\x00\xf7\x00\x00",
    "BMP": b"BM\x36\x0c\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00",
    "WEBP": b"RIFF\x40\x00\x00\x00WEBPVP8 ",
    "nothing": b"",
}


@pytest.fixture(scope="module")
def damaged() -> dict:
    return runpy.run_path(str(ROOT / "benchmarks/damaged.py"), run_name="damaged")


@pytest.fixture(scope="module")
def corpus(damaged, tmp_path_factory) -> tuple[dict, dict, dict, dict]:
    """(kind, reason, JPEG, seconds) by id."""
    folder = tmp_path_factory.mktemp("damaged") / "corpus"
    kinds = damaged["make_corpus"](folder, FILES, seed=0)
    return kinds, *damaged["build"](folder)


@pytest.mark.slow
def test_every_damaged_file_is_refused_with_a_reason_or_built(corpus):
    kinds, refused, built, seconds = corpus
    assert len(kinds) == FILES
    assert refused.keys() | built.keys() == kinds.keys()
    assert not refused.keys() & built.keys()
    assert set(refused.values()) <= set(Refusal)
    assert max(seconds.values()) < LIMIT_S


@pytest.mark.slow
def test_what_cannot_be_a_picture_is_never_built(corpus):
    kinds, _, built, _ = corpus
    assert not WITHOUT_CHANCE & {kinds[image_id] for image_id in built}
    counts = Counter(kinds[image_id] for image_id in built)
    # CMYK files whose chroma Pillow sampled in a way of its own: only Pillow reads them, without its warnings.
    assert counts["cut and closed"] < 20


@pytest.mark.slow
def test_tensorflow_reads_what_was_built(corpus):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    for data in corpus[2].values():
        assert tf.io.decode_jpeg(data, channels=3).shape[2] == 3


def test_the_corpus_is_the_same_every_time(damaged, tmp_path):
    for name in ("a", "b"):
        damaged["make_corpus"](tmp_path / name, 40, seed=3)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()} for name in ("a", "b")
    )
    assert first == second


@settings(max_examples=400, deadline=LIMIT_S * 1000)
@given(
    start=st.sampled_from(sorted(START)),
    body=st.binary(max_size=600),
    mode=st.sampled_from(ResizeMode),
    side=st.sampled_from([0, 16, 64]),
)
def test_random_bytes_after_a_sound_beginning(start, body, mode, side):
    try:
        prepared = prepare_jpeg(START[start] + body, max_side=side, mode=mode, limits=ImageLimits(max_pixels=4_000_000))
    except ImageRefused as error:
        assert error.detail
    else:
        assert prepared.height > 0
        assert prepared.width > 0


@settings(max_examples=300, deadline=LIMIT_S * 1000)
@given(kind=st.integers(0, 17), seed=st.integers(0, 2**32))
def test_other_damage_than_the_corpus_has(damaged, kind, seed):
    maker = list(damaged["MAKERS"].values())[kind]
    if maker.__name__ in ("scans_bomb", "huge_jpeg", "zip_bomb", "png_bomb"):  # slow to make; the corpus has them
        maker = damaged["many_flips"]
    data = maker(np.random.default_rng(seed))
    try:
        image = decode_image(data, ImageLimits(max_pixels=4_000_000))
    except ImageRefused as error:
        assert error.detail
    else:
        assert image.dtype == np.uint8
        assert image.ndim == 3

import cv2
import numpy as np
import pytest

from tfrecords_builder.images import decode_image, locate, read_bytes
from tfrecords_builder.perceptual_hash import distances, hash_thumbnails, thumbnail


def hashed(*images: np.ndarray) -> np.ndarray:
    return hash_thumbnails(np.stack([thumbnail(image) for image in images]))


def copies(image: np.ndarray) -> list[np.ndarray]:
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    rough = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)
    return [half, rough]


def test_bits_by_the_definition():
    grey = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    low = cv2.dct(grey.astype(np.float64))[1:9, 1:9]
    # OpenCV's transform is orthonormal; apart from row and column 0 that is one factor for all.
    bits = (low > np.median(low)).ravel()
    expected = sum(1 << place for place, bit in enumerate(bits.tolist()) if bit)
    assert hash_thumbnails(grey[None]).tolist() == [expected]


def test_distance_counts_bits():
    first = np.array([0, 2**64 - 1, 0b1011], np.uint64)
    assert distances(first, np.uint64(0)).tolist() == [0, 64, 3]


def test_copies_are_near_and_others_far(scene):
    images = [scene(240, 320, seed) for seed in range(20)]
    originals = hashed(*images)
    for kind in zip(*map(copies, images), strict=True):
        assert distances(originals, hashed(*kind)).max() <= 6
    apart = distances(originals[:, None], originals[None])[np.triu_indices(20, 1)]
    assert apart.min() > 10


@pytest.mark.real_data
def test_copies_of_real_photographs_are_near_and_others_far(real_data):
    root = real_data / "landmarks15"
    ids = [line.split(",")[0] for line in (root / "train.csv").read_text().splitlines()[1:121]]
    images = [decode_image(read_bytes(locate(root / "train", image_id)), max_side=256) for image_id in ids]
    originals = hashed(*images)
    for kind in zip(*map(copies, images), strict=True):
        assert np.mean(distances(originals, hashed(*kind)) <= 6) >= 0.99
    assert distances(originals[:, None], originals[None])[np.triu_indices(len(ids), 1)].min() > 8

import cv2
import numpy as np

from tfland.toyworld.camera import Camera, look_at
from tfland.toyworld.config import ToyworldConfig, stream
from tfland.toyworld.light import Light, make_light
from tfland.toyworld.photograph import develop, draw_scene, photograph_building, photograph_distractor
from tfland.toyworld.world import CATALOGUE, World


def light(name: str = "overcast") -> Light:
    return next(item for item in (make_light(stream(n)) for n in range(500)) if item.name == name)


def front_view(world: World, side: int, angle: float = 0.0) -> np.ndarray:
    """The building from in front, without chance."""
    extent = world.building.extent
    eye = np.array([1.6 * extent * np.sin(angle), -1.6 * extent * np.cos(angle), 0.2 * extent])
    target = np.array([0.0, 0.0, world.building.high[2] / 2])
    camera = Camera(position=eye, rotation=look_at(eye, target, 0.0), focal_px=1.3 * side, width=side, height=side)
    return draw_scene(world, camera, light(), stream(1))


def inliers(one: np.ndarray, other: np.ndarray) -> int:
    sift = cv2.SIFT_create(600)
    (points, features), (points2, features2) = (sift.detectAndCompute(p, None) for p in (one, other))
    pairs = [p for p in cv2.BFMatcher().knnMatch(features, features2, k=2) if len(p) == 2]
    good = [a for a, b in pairs if a.distance < 0.85 * b.distance]
    if len(good) < 3:
        return 0
    source = np.array([points[m.queryIdx].pt for m in good], np.float32)
    target = np.array([points2[m.trainIdx].pt for m in good], np.float32)
    _, kept = cv2.estimateAffine2D(source, target, method=cv2.RANSAC, ransacReprojThreshold=6.0)
    return int(kept.sum())


def test_no_two_landmarks_are_alike() -> None:
    """30 buildings of the catalogue and 6 unknown ones from the same place in the same light."""
    config = ToyworldConfig(size=32)
    worlds = [World(config, CATALOGUE, index) for index in range(30)]
    worlds += [World(config, "unknown test", index) for index in range(6)]
    views = np.stack([front_view(world, 64) for world in worlds]).astype(float)
    difference = np.abs(views[:, None] - views[None]).mean(axis=(2, 3, 4))
    np.fill_diagonal(difference, 255)
    assert difference.min() > 10


def test_local_features_match_the_same_building_only() -> None:
    config = ToyworldConfig(size=160)
    worlds = [World(config, CATALOGUE, index) for index in range(6)]
    first = [front_view(world, 256) for world in worlds]
    second = [front_view(world, 256, angle=0.3) for world in worlds]
    for index in range(6):
        same = inliers(first[index], second[index])
        assert same > 25
        assert same > 2 * inliers(first[index], second[index - 1])


def test_photographs_are_pure_functions_of_their_number() -> None:
    config = ToyworldConfig(size=64)
    one = photograph_building(config, CATALOGUE, 1, "train", 5)
    photograph_building(config, CATALOGUE, 2, "train", 6)
    assert photograph_building(config, CATALOGUE, 1, "train", 5) == one
    assert photograph_building(config, CATALOGUE, 1, "train", 6) != one
    assert photograph_building(config, CATALOGUE, 1, "test", 5) != one
    assert photograph_distractor(config, "test", 5) == photograph_distractor(config, "test", 5)


def test_sizes_are_at_most_what_was_asked_for() -> None:
    config = ToyworldConfig(size=72)
    for number in range(6):
        data = photograph_building(config, CATALOGUE, 0, "train", number)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert max(picture.shape) == 72
        assert min(picture.shape[:2]) in (54, 72)


def test_a_developed_picture_is_half_the_canvas_and_a_jpeg() -> None:
    canvas = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    data = develop(canvas, stream(14))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (30, 40, 3)

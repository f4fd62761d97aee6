import cv2
import numpy as np
import pytest

from tfland.toyworld.camera import NEAR_M, Camera, clip_near, look_at


def random_camera(rng: np.random.Generator) -> Camera:
    position = rng.uniform(-30, 30, 3)
    target = position + rng.normal(0, 10, 3) + [0, 20, 0]
    return Camera(
        position=position,
        rotation=look_at(position, target, float(rng.uniform(-0.5, 0.5))),
        focal_px=float(rng.uniform(200, 900)),
        width=int(rng.integers(100, 600)),
        height=int(rng.integers(100, 600)),
    )


@pytest.mark.parametrize("seed", range(20))
def test_projection_agrees_with_opencv(seed: int) -> None:
    rng = np.random.default_rng(seed)
    camera = random_camera(rng)
    points = camera.position + rng.uniform([-5, -5, 2], [5, 5, 60], (50, 3)) @ camera.rotation
    pixels, depth = camera.project(points)
    intrinsics = np.array([[camera.focal_px, 0, camera.width / 2], [0, camera.focal_px, camera.height / 2], [0, 0, 1]])
    rotation_vector, _ = cv2.Rodrigues(camera.rotation)
    expected, _ = cv2.projectPoints(points, rotation_vector, -camera.rotation @ camera.position, intrinsics, None)
    np.testing.assert_allclose(pixels, expected[:, 0], atol=1e-6)
    np.testing.assert_allclose(depth, (points - camera.position) @ camera.rotation[2], atol=1e-9)
    np.testing.assert_allclose(camera.polygon(points), pixels, atol=1e-6)


def test_projection_of_one_point_by_hand() -> None:
    # 10 m in front of the eye, 2 m to the right and 1 m up: 100 px * 2/10 right of and 100 px * 1/10 above
    # the middle (200, 150).
    camera = Camera(
        position=np.array([5.0, -10.0, 1.7]),
        rotation=look_at(np.array([5.0, -10.0, 1.7]), np.array([5.0, 0.0, 1.7]), 0.0),
        focal_px=100.0,
        width=400,
        height=300,
    )
    pixels, depth = camera.project(np.array([[7.0, 0.0, 2.7]]))
    np.testing.assert_allclose(pixels, [[220.0, 140.0]])
    np.testing.assert_allclose(depth, [10.0])


@pytest.mark.parametrize("roll", [-0.4, 0.0, 0.3])
def test_rotations_are_rotations_and_roll_turns_the_picture_counter_clockwise(roll: float) -> None:
    rotation = look_at(np.array([3.0, -20.0, 5.0]), np.array([0.0, 0.0, 9.0]), roll)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    upwards = rotation @ [0.0, 0.0, 1.0]
    assert np.arctan2(upwards[0], -upwards[1]) == pytest.approx(-roll)


def test_elevation_plane_is_zero_on_the_horizon_and_gives_the_grounds_depth() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        camera = random_camera(rng)
        camera.position[2] = rng.uniform(1, 20)
        ahead = camera.rotation[2] * [1, 1, 0]
        ground = (camera.position + ahead * rng.uniform(5, 50)) * [1, 1, 0]
        pixel, depth = camera.project(ground[None])
        assert camera.elevation_plane() @ [*pixel[0], 1] == pytest.approx(-camera.position[2] / depth[0])
        far, _ = camera.project((camera.position + 1e7 * ahead)[None])
        assert camera.elevation_plane() @ [*far[0], 1] == pytest.approx(0, abs=1e-6)


def test_clipping_keeps_what_is_in_front() -> None:
    triangle = np.array([[0.0, 0.0, 2.0], [1.0, 0.0, 2.0], [0.0, 0.0, -2.0]])
    cut = clip_near(triangle)
    assert len(cut) == 4
    assert cut[:, 2].min() == pytest.approx(NEAR_M)
    assert clip_near(triangle - np.array([0, 0, 5])).shape == (0, 3)
    assert clip_near(triangle + np.array([0, 0, 5])).shape == (3, 3)

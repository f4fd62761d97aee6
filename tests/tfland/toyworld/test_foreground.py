from typing import Any

import numpy as np
import pytest

from tfland.toyworld import foreground
from tfland.toyworld.camera import Camera, look_at
from tfland.toyworld.config import stream
from tfland.toyworld.foreground import draw_branch, draw_people, draw_person, draw_tree
from tfland.toyworld.light import Light, make_light

LIGHT = make_light(stream(1))
MAGENTA = (255, 0, 255)


def blank(height: int = 300, width: int = 300) -> np.ndarray:
    return np.full((height, width, 3), MAGENTA, np.uint8)


def box_of(canvas: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what was drawn."""
    ys, xs = np.nonzero((canvas != MAGENTA).any(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


@pytest.mark.parametrize("height", [60, 200])
def test_people_stand_on_their_feet_and_are_as_tall_as_said(height: int) -> None:
    for seed in range(12):
        canvas = blank()
        draw_person(canvas, (150.0, 250.0), height, LIGHT, stream(2, seed))
        left, top, right, bottom = box_of(canvas)
        assert bottom == pytest.approx(250, abs=0.07 * height + 2)
        assert 250 - top == pytest.approx(0.99 * height, abs=0.06 * height + 2)
        assert 150 - 0.35 * height < left < 150 < right < 150 + 0.35 * height


def view(eye_height: float, slope: float = 0.0) -> Camera:
    eye = np.array([0.0, -40.0, eye_height])
    rotation = look_at(eye, eye + np.array([0.3, 1.0, slope]), 0.0)
    return Camera(position=eye, rotation=rotation, focal_px=400.0, width=400, height=300)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float, float]]:
    """Foot and height of everybody whom `draw_people` asks for."""
    asked: list[tuple[float, float, float]] = []

    def record(canvas: np.ndarray, foot: tuple[float, float], height: float, light: Light, rng: Any) -> None:
        asked.append((float(foot[0]), float(foot[1]), float(height)))

    monkeypatch.setattr(foreground, "draw_person", record)
    return asked


def test_passers_by_are_of_human_size_and_in_front_of_the_building(people: list[tuple[float, float, float]]) -> None:
    """On level ground a foot's row tells the distance, and with it what a height in pixels means in metres."""
    camera, numbers = view(1.7), []
    for seed in range(60):
        people.clear()
        draw_people(blank(300, 400), camera, 30.0, LIGHT, stream(3, seed))
        passing = [person for person in people if person[1] < 300 + 100]
        depths = [1.7 * 400 / (y - 150) for _, y, _ in passing]
        assert depths == sorted(depths, reverse=True), "the farthest first"
        assert all(0.25 * 30 - 0.01 <= depth <= 0.95 * 30 + 0.01 for depth in depths)
        assert all(1.5 <= tall * depth / 400 <= 1.9 for (_, _, tall), depth in zip(passing, depths, strict=True))
        numbers.append(len(passing))
    assert set(numbers) == {0, 1, 3, 6, 10}


def test_from_a_roof_one_sees_nobody_but_who_stands_beside(people: list[tuple[float, float, float]]) -> None:
    close = 0
    for seed in range(300):
        people.clear()
        draw_people(blank(300, 400), view(12.0, -0.3), 30.0, LIGHT, stream(4, seed))
        assert len(people) <= 1
        for x, y, tall in people:
            assert y > 300 + 0.49 * tall, "legs are below the picture"
            assert x <= 100 or x >= 300, "beside the middle"
            assert 0.9 * 300 <= tall <= 1.5 * 300
        close += len(people)
    assert close / 300 == pytest.approx(0.12, abs=0.06)


def shape_of(canvas: np.ndarray) -> str:
    """Cypresses are slim, palms bare to two thirds of their height."""
    left, _, right, _ = box_of(canvas)
    if right - left < 0.42 * 200:
        return "slim"
    at_half_height = (canvas[180] != MAGENTA).any(axis=1).sum()
    return "palm" if at_half_height < 0.1 * 200 else "broad"


def test_trees_stand_on_their_foot_in_three_shapes() -> None:
    shapes = []
    for seed in range(80):
        canvas = blank()
        draw_tree(canvas, (150.0, 280.0), 200.0, LIGHT, stream(5, seed))
        left, top, right, bottom = box_of(canvas)
        assert bottom == pytest.approx(280, abs=8)
        assert 0.85 * 200 < 280 - top < 1.05 * 200
        assert left < 150 < right
        shapes.append(shape_of(canvas))
    for shape, share in (("slim", 0.25), ("palm", 0.15), ("broad", 0.6)):
        assert shapes.count(shape) / 80 == pytest.approx(share, abs=0.15)


def test_trees_and_people_hang_on_their_stream_alone() -> None:
    for draw in (draw_tree, draw_person):
        canvases = [blank() for _ in range(3)]
        for canvas, seed in zip(canvases, (1, 1, 2), strict=True):
            draw(canvas, (150.0, 280.0), 200.0, LIGHT, stream(6, seed))
        assert (canvases[0] == canvases[1]).all()
        assert (canvases[0] != canvases[2]).any(axis=2).mean() > 0.01


def test_branches_hang_from_an_upper_corner() -> None:
    corners = set()
    for seed in range(12):
        canvas = blank()
        draw_branch(canvas, LIGHT, stream(7, seed))
        drawn = (canvas != MAGENTA).any(axis=2)
        assert not drawn[150:].any()
        right = drawn[:, 150:].sum() > drawn[:, :150].sum()
        assert drawn[:60, -60:].any() if right else drawn[:60, :60].any()
        corners.add(bool(right))
    assert corners == {False, True}

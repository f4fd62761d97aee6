"""Scenes without a building, out of doors: sea, mountains, forest, people in a meadow, a road."""

import cv2
import numpy as np

from tfland.toyworld.backdrop import draw_sky
from tfland.toyworld.camera import Camera, look_at
from tfland.toyworld.foreground import draw_person, draw_tree
from tfland.toyworld.light import Light, lit
from tfland.toyworld.materials import finish, noise
from tfland.toyworld.palette import Colour, bgr, random_bgr, shade

AA = cv2.LINE_AA


def _horizon(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> int:
    """Paints a sky and returns the row of the horizon."""
    height, width = canvas.shape[:2]
    pitch = rng.uniform(-0.12, 0.12)
    eye = np.array([0.0, 0.0, 1.7])
    rotation = look_at(eye, eye + np.array([0.0, 1.0, pitch]), 0.0)
    camera = Camera(position=eye, rotation=rotation, focal_px=1.2 * max(height, width), width=width, height=height)
    draw_sky(canvas, camera, light, rng)
    return int(np.clip(height / 2 + np.tan(pitch) * camera.focal_px, 0.2 * height, 0.85 * height))


def _fill_below(canvas: np.ndarray, row: int, near: Colour, far: Colour, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    share = np.linspace(0, 1, height - row, dtype=np.float32)[:, None, None]
    picture = np.array(far, np.float32) * (1 - share) + np.array(near, np.float32) * share
    grain = noise(height - row, width, 14, rng, 0.08) + noise(height - row, width, 3, rng, 0.08)
    canvas[row:] = finish(picture * (1 + grain[..., None]))


def sea(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Water with waves, boats, at times a beach and a low sun."""
    height, width = canvas.shape[:2]
    row = _horizon(canvas, light, rng)
    water = bgr(rng.uniform(170, 215), 0.55, 0.55)
    _fill_below(canvas, row, lit(light, water), light.sky_low, rng)
    for _ in range(int(rng.integers(60, 160))):
        y = row + (height - row) * rng.random() ** 1.5
        length = width * (0.01 + 0.12 * (y - row) / (height - row)) * rng.uniform(0.4, 1.2)
        x, tone = rng.uniform(0, width), lit(light, shade(water, rng.choice([0.7, 1.5])))
        cv2.line(canvas, (int(x), int(y)), (int(x + length), int(y)), tone, 1 + int(3 * (y - row) / height), AA)
    for _ in range(int(rng.integers(0, 4))):
        _boat(canvas, rng.uniform(0, width), row + rng.uniform(0.01, 0.3) * (height - row), light, rng)
    if rng.random() < 0.4:
        sand = lit(light, bgr(40, 0.3, 0.85))
        edge = [(0, int(height * rng.uniform(0.75, 0.95))), (width, int(height * rng.uniform(0.8, 1.0)))]
        cv2.fillPoly(canvas, [np.array([*edge, (width, height), (0, height)], np.int32)], sand, AA)


def _boat(canvas: np.ndarray, x: float, y: float, light: Light, rng: np.random.Generator) -> None:
    size = canvas.shape[1] * rng.uniform(0.04, 0.16)
    hull = [(x - size, y - 0.3 * size), (x + size, y - 0.3 * size), (x + 0.7 * size, y), (x - 0.8 * size, y)]
    sail = [(x, y - 0.4 * size), (x, y - 2.2 * size), (x + rng.choice([-1, 1]) * 0.9 * size, y - 0.5 * size)]
    for outline in (hull, sail):
        cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], lit(light, random_bgr(rng)), AA)


def mountains(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Ridges behind one another, the higher ones with snow, over a valley."""
    height, width = canvas.shape[:2]
    row = _horizon(canvas, light, rng)
    hue = rng.uniform(90, 230)
    steps = np.linspace(0, width, 64)
    for layer in range(4):
        base = row + (layer - 2.0) * 0.07 * height
        rough = np.zeros(64)
        for octave in (4, 9, 22):
            rough += np.interp(steps, np.linspace(0, width, octave), rng.uniform(-1, 1, octave)) / octave
        top = base - height * rng.uniform(0.2, 0.6) * (rough + 0.2)
        outline = np.column_stack([np.r_[steps, width, 0], np.r_[top, height, height]])
        near = lit(light, bgr(hue, 0.35, 0.42))
        colour = np.array(near) * (layer + 1) / 4 + np.array(light.sky_low) * (3 - layer) / 4
        cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], tuple(colour.tolist()), AA)
        if layer < 3:
            snow = np.column_stack(
                [np.r_[steps, steps[::-1]], np.r_[top, top[::-1] + rng.uniform(0, 0.05, 64) * height]]
            )
            cv2.fillPoly(canvas, [np.round(snow).astype(np.int32)], lit(light, (250, 250, 250)), AA)
    _fill_below(canvas, min(height - 2, int(row + 0.18 * height)), lit(light, bgr(95, 0.5, 0.45)), near, rng)


def forest(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Trees behind trees, on grass."""
    height, width = canvas.shape[:2]
    row = _horizon(canvas, light, rng)
    grass = bgr(rng.uniform(70, 110), 0.5, 0.45)
    _fill_below(canvas, row, lit(light, grass), lit(light, shade(grass, 1.2)), rng)
    for depth in np.sort(rng.uniform(0.0, 0.8, int(rng.integers(8, 18)))):
        foot = (rng.uniform(-0.1, 1.1) * width, row + depth * (height - row))
        draw_tree(canvas, foot, height * (0.2 + 0.8 * depth), light, rng)


def meadow(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """A group of people in the open."""
    height, width = canvas.shape[:2]
    row = _horizon(canvas, light, rng)
    land = bgr(rng.choice([95, 40, 210]), 0.35, 0.6)
    _fill_below(canvas, row, lit(light, land), lit(light, shade(land, 1.15)), rng)
    for _ in range(int(rng.integers(0, 4))):
        draw_tree(canvas, (rng.uniform(0, width), row + 4), height * rng.uniform(0.1, 0.4), light, rng)
    close, middle = rng.uniform(0.3, 0.85), rng.uniform(0.3, 0.7) * width
    for _ in range(int(rng.integers(2, 9))):
        tall = height * close * rng.uniform(0.85, 1.1)
        foot = (middle + rng.normal(0, 0.2) * width, row + 0.7 * tall)
        draw_person(canvas, foot, tall, light, rng)


def road(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """A road with cars."""
    height, width = canvas.shape[:2]
    row = _horizon(canvas, light, rng)
    _fill_below(canvas, row, lit(light, bgr(90, 0.35, 0.5)), light.sky_low, rng)
    vanishing, spread = rng.uniform(0.3, 0.7) * width, rng.uniform(0.4, 0.9) * width
    verge = [(vanishing, row), (vanishing + spread, height), (vanishing - spread, height)]
    cv2.fillPoly(canvas, [np.round(verge).astype(np.int32)], lit(light, (105, 100, 98)), AA)
    for near in np.linspace(0.05, 1.0, 8) ** 2:
        y, thick = row + near * (height - row), max(1, round(0.015 * near * width))
        cv2.line(
            canvas, (int(vanishing), int(y)), (int(vanishing), int(y + 0.06 * near * height)), (230, 230, 230), thick
        )
    for near in np.sort(rng.uniform(0.1, 0.75, int(rng.integers(1, 5)))):
        _car(
            canvas,
            vanishing + rng.choice([-0.5, 0.5]) * spread * near,
            row + near * (height - row),
            0.3 * near * width,
            light,
            rng,
        )


def _car(canvas: np.ndarray, x: float, y: float, size: float, light: Light, rng: np.random.Generator) -> None:
    paint = lit(light, random_bgr(rng))
    cabin = [
        (x - 0.55 * size, y - 0.5 * size),
        (x - 0.35 * size, y - size),
        (x + 0.35 * size, y - size),
        (x + 0.55 * size, y - 0.5 * size),
    ]
    cv2.fillPoly(canvas, [np.round(cabin).astype(np.int32)], shade(paint, 0.8), AA)
    glass = [(px * 0.8 + x * 0.2, py * 0.8 + (y - 0.7 * size) * 0.2) for px, py in cabin]
    cv2.fillPoly(canvas, [np.round(glass).astype(np.int32)], lit(light, (90, 70, 60)), AA)
    body = (round(x - 0.7 * size), round(y - 0.55 * size)), (round(x + 0.7 * size), round(y - 0.1 * size))
    cv2.rectangle(canvas, *body, paint, -1)
    for side in (-0.48, 0.48):
        cv2.circle(
            canvas, (round(x + side * size), round(y - 0.1 * size)), max(1, round(0.14 * size)), (25, 25, 25), -1, AA
        )
        cv2.circle(
            canvas,
            (round(x + 1.2 * side * size), round(y - 0.38 * size)),
            max(1, round(0.07 * size)),
            (200, 240, 255),
            -1,
            AA,
        )

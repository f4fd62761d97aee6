"""People and trees, drawn flat where they stand."""

import cv2
import numpy as np

from tfland.toyworld.camera import Camera
from tfland.toyworld.light import Light, lit
from tfland.toyworld.palette import Colour, bgr, random_bgr, shade

AA = cv2.LINE_AA
_SKINS: tuple[Colour, ...] = ((180, 205, 240), (140, 175, 225), (95, 135, 190), (60, 85, 130), (45, 60, 90))


def draw_person(
    canvas: np.ndarray, foot: tuple[float, float], height: float, light: Light, rng: np.random.Generator
) -> None:
    """A person seen from any side.

    Args:
        canvas: [H, W, 3] uint8 BGR, drawn into.
        foot: x and y of the feet in pixels.
        height: pixels.
        light: of the scene.
        rng: source of clothes and pose.
    """
    x, y = foot
    skin = lit(light, _SKINS[rng.integers(len(_SKINS))])
    shirt, trousers = lit(light, random_bgr(rng)), lit(light, random_bgr(rng), 0.7)
    hair = lit(light, bgr(rng.uniform(15, 40), rng.uniform(0, 0.7), rng.uniform(0.1, 0.6)))

    def at(across: float, up: float) -> tuple[int, int]:
        return round(x + across * height), round(y - up * height)

    thick, stride = max(1, round(height * 0.075)), rng.uniform(0.02, 0.09)
    for side in (-1, 1):
        cv2.line(canvas, at(side * 0.045, 0.48), at(side * stride, 0.02), trousers, round(thick * 1.3), AA)
        hand = at(side * rng.uniform(0.12, 0.22), rng.uniform(0.38, 0.95))
        elbow = at(side * 0.16, 0.62)
        cv2.line(canvas, at(side * 0.1, 0.78), elbow, shade(shirt, 0.85), thick, AA)
        cv2.line(canvas, elbow, hand, skin, max(1, round(thick * 0.8)), AA)
    body = [at(-0.12, 0.8), at(0.12, 0.8), at(0.1, 0.44), at(-0.1, 0.44)]
    cv2.fillPoly(canvas, [np.array(body, np.int32)], shirt, AA)
    if rng.random() < 0.4:
        cv2.line(canvas, at(-0.1, 0.64), at(0.1, 0.64), lit(light, random_bgr(rng)), thick, AA)
    cv2.circle(canvas, at(0, 0.905), max(1, round(height * 0.072)), hair, -1, AA)
    cv2.circle(canvas, at(rng.uniform(-0.02, 0.02), 0.885), max(1, round(height * 0.058)), skin, -1, AA)
    if rng.random() < 0.25:
        hat = at(-0.08, 0.95), at(0.08, 0.93)
        cv2.rectangle(canvas, hat[0], hat[1], lit(light, random_bgr(rng)), -1)


def draw_people(canvas: np.ndarray, camera: Camera, reach: float, light: Light, rng: np.random.Generator) -> None:
    """Passers-by between the camera and a building `reach` metres away, and at times somebody close."""
    if camera.position[2] < 12:
        count = int(rng.choice([0, 1, 3, 6, 10], p=[0.2, 0.2, 0.3, 0.2, 0.1]))
        depths = np.sort(rng.uniform(0.25, 0.95, count))[::-1] * reach
        for depth in depths:
            across = rng.normal(0, 0.35) * depth
            standing = camera.position + depth * _level(camera.rotation[2]) + across * camera.rotation[0]
            pixel, _ = camera.project(np.array([[standing[0], standing[1], 0.0]]))
            draw_person(canvas, tuple(pixel[0]), camera.focal_px * rng.uniform(1.5, 1.9) / depth, light, rng)
    if rng.random() < 0.12:
        tall = canvas.shape[0] * rng.uniform(0.9, 1.5)
        side = rng.choice([rng.uniform(0.0, 0.25), rng.uniform(0.75, 1.0)])
        foot = (canvas.shape[1] * side, canvas.shape[0] + tall * rng.uniform(0.5, 0.62))
        draw_person(canvas, foot, tall, light, rng)


def _level(direction: np.ndarray) -> np.ndarray:
    flat = np.array([direction[0], direction[1], 0.0])
    return flat / np.linalg.norm(flat)


def draw_tree(
    canvas: np.ndarray, foot: tuple[float, float], height: float, light: Light, rng: np.random.Generator
) -> None:
    """A broad-leaved tree, a cypress or a palm; arguments as for `draw_person`."""
    x, y = foot
    hue, kind = rng.uniform(60, 140), rng.random()
    trunk = lit(light, bgr(25, 0.5, 0.35))
    cv2.line(canvas, _at(x, y), _at(x, y - 0.6 * height), trunk, max(1, round(0.05 * height)), AA)
    if kind < 0.15:
        for angle in np.linspace(-0.4, np.pi + 0.4, 11):
            tip = x + 0.34 * height * np.cos(angle), y - height * (0.72 + 0.26 * np.sin(angle))
            leaf = lit(light, bgr(hue, 0.55, rng.uniform(0.25, 0.5)))
            cv2.line(canvas, _at(x, y - 0.72 * height), _at(*tip), leaf, max(1, round(0.04 * height)), AA)
        cv2.line(canvas, _at(x, y), _at(x, y - 0.72 * height), trunk, max(1, round(0.04 * height)), AA)
        return
    slim = kind < 0.4
    count = 110
    spread, base = (0.075, 0.1) if slim else (0.17, 0.34)
    up = rng.uniform(base, 0.95, count)
    bulge = np.sin(np.pi * np.clip((up - base) / (1 - base), 0.02, 1)) ** 0.5
    across = np.clip(rng.normal(0, 1, count), -1.7, 1.7) * spread * bulge
    sizes = rng.uniform(0.025, 0.055, count) * (0.7 if slim else 1.2)
    # Leaves at the back are dark and drawn first; those in front and above are light.
    tones = np.sort(rng.uniform(0.2, 0.58, count)) * (0.7 + 0.4 * up)
    for a, u, size, tone in zip(across, up, sizes, tones, strict=True):
        colour = lit(light, bgr(hue + 20 * tone, 0.55, tone))
        cv2.circle(canvas, _at(x + a * height, y - u * height), max(1, round(size * height)), colour, -1, AA)


def draw_branch(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Leaves that hang into the picture from an upper corner."""
    height, width = canvas.shape[:2]
    corner = width * rng.integers(0, 2)
    for _ in range(60):
        x = corner + (1 if corner == 0 else -1) * abs(rng.normal(0, 0.14)) * width
        y = abs(rng.normal(0, 0.1)) * height
        axes = (max(1, round(rng.uniform(0.01, 0.03) * width)), max(1, round(0.008 * width)))
        colour = lit(light, bgr(rng.uniform(70, 120), 0.6, rng.uniform(0.15, 0.4)))
        cv2.ellipse(canvas, (round(x), round(y)), axes, rng.uniform(0, 180), 0, 360, colour, -1, AA)


def _at(x: float, y: float) -> tuple[int, int]:
    return round(float(x)), round(float(y))

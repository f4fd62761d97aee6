"""Scenes without a building, from near: a portrait, an animal, flowers, a table, a pattern."""

import cv2
import numpy as np

from tfland.toyworld.light import Light, lit
from tfland.toyworld.materials import finish, flat, noise
from tfland.toyworld.palette import bgr, random_bgr, shade

AA = cv2.LINE_AA


def _soft_background(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Colours out of focus."""
    height, width = canvas.shape[:2]
    small = np.array([random_bgr(rng) for _ in range(30)], np.float32).reshape(5, 6, 3)
    small = small * 0.6 + np.array(random_bgr(rng), np.float32) * 0.4
    soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    canvas[:] = finish(soft * np.array(lit(light, (1.0, 1.0, 1.0)), np.float32))


def portrait(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Head and shoulders."""
    _soft_background(canvas, light, rng)
    height, width = canvas.shape[:2]
    size, x = height * rng.uniform(0.16, 0.26), width * rng.uniform(0.35, 0.65)
    y = height * rng.uniform(0.35, 0.5)
    skin, hair = lit(light, bgr(22, 0.42, rng.uniform(0.4, 0.92))), lit(light, bgr(25, 0.5, rng.uniform(0.1, 0.6)))

    def at(across: float, down: float) -> tuple[int, int]:
        return round(x + across * size), round(y + down * size)

    def scaled(*shares: float) -> tuple[int, ...]:
        return tuple(max(1, round(share * size)) for share in shares)

    cv2.ellipse(canvas, at(0, 3.1), scaled(2.0, 1.9), 0, 0, 360, lit(light, random_bgr(rng)), -1, AA)
    cv2.ellipse(canvas, at(0, 0.1 + rng.uniform(-0.1, 0.6)), scaled(1.05, 1.3), 0, 0, 360, hair, -1, AA)
    cv2.rectangle(canvas, at(-0.35, 0.6), at(0.35, 1.6), shade(skin, 0.85), -1)
    cv2.ellipse(canvas, at(0, 0.1), scaled(0.8, 1.05), 0, 0, 360, skin, -1, AA)
    cv2.ellipse(canvas, at(0, -0.72), scaled(0.75, 0.38), 0, 180, 360, hair, -1, AA)
    for side in (-0.33, 0.33):
        cv2.ellipse(canvas, at(side, -0.05), scaled(0.15, 0.09), 0, 0, 360, (240, 240, 240), -1, AA)
        cv2.circle(canvas, at(side, -0.05), scaled(0.08)[0], (40, 30, 20), -1, AA)
        cv2.line(canvas, at(side - 0.18, -0.28), at(side + 0.18, -0.3), hair, scaled(0.07)[0], AA)
    cv2.line(canvas, at(0, 0.05), at(0.07, 0.33), shade(skin, 0.8), scaled(0.06)[0], AA)
    cv2.ellipse(canvas, at(0, 0.55), scaled(0.3, rng.uniform(0.05, 0.18)), 0, 0, 180, (70, 60, 170), -1, AA)
    if rng.random() < 0.35:
        for side in (-0.35, 0.35):
            cv2.circle(canvas, at(side, -0.05), scaled(0.26)[0], (30, 30, 30), scaled(0.05)[0], AA)


def animal(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """A four-legged animal on grass."""
    _soft_background(canvas, light, rng)
    height, width = canvas.shape[:2]
    row = int(height * rng.uniform(0.55, 0.8))
    grass = flat(height - row, width, lit(light, bgr(rng.uniform(60, 110), 0.5, 0.5)))
    canvas[row:] = finish(grass * (1 + noise(height - row, width, 5, rng, 0.25)[..., None]))
    size, x, y = height * rng.uniform(0.15, 0.3), width * rng.uniform(0.35, 0.65), row - 0.1 * height
    fur, side = lit(light, bgr(rng.uniform(15, 45), rng.uniform(0.05, 0.6), rng.uniform(0.2, 0.9))), rng.choice([-1, 1])
    for leg in (-0.8, -0.5, 0.5, 0.8):
        foot = (round(x + leg * size), round(y + 1.3 * size))
        cv2.line(
            canvas, (round(x + leg * size * 0.9), round(y)), foot, shade(fur, 0.75), max(2, round(0.22 * size)), AA
        )
    cv2.ellipse(canvas, (round(x), round(y)), (round(1.15 * size), round(0.6 * size)), 0, 0, 360, fur, -1, AA)
    for _ in range(int(rng.integers(0, 7))):
        spot = (round(x + rng.uniform(-0.8, 0.8) * size), round(y + rng.uniform(-0.35, 0.35) * size))
        cv2.circle(canvas, spot, max(1, round(rng.uniform(0.08, 0.2) * size)), shade(fur, 0.5), -1, AA)
    head = (round(x + side * 1.3 * size), round(y - 0.55 * size))
    cv2.line(canvas, (round(x + side * 0.8 * size), round(y)), head, fur, max(2, round(0.45 * size)), AA)
    cv2.circle(canvas, head, round(0.42 * size), fur, -1, AA)
    for ear in (-0.3, 0.3):
        tip = [
            (head[0] + (ear - 0.12) * size, head[1] - 0.3 * size),
            (head[0] + (ear + 0.12) * size, head[1] - 0.3 * size),
        ]
        tip.append((head[0] + ear * 1.3 * size, head[1] - 0.75 * size))
        cv2.fillPoly(canvas, [np.round(tip).astype(np.int32)], shade(fur, 0.7), AA)
    cv2.circle(canvas, (round(head[0] + side * 0.15 * size), head[1]), max(1, round(0.06 * size)), (20, 20, 20), -1, AA)


def flowers(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Blossoms from near, each with petals around a disc."""
    _soft_background(canvas, light, rng)
    height, width = canvas.shape[:2]
    colour, heart, petals = random_bgr(rng), bgr(45, 0.8, 0.9), int(rng.integers(5, 14))
    for size in np.sort(rng.uniform(0.05, 0.22, int(rng.integers(3, 12)))) * height:
        x, y = rng.uniform(0, width), rng.uniform(0.1, 0.9) * height
        stem = (round(x + rng.normal(0, 0.1) * width), height)
        cv2.line(canvas, (round(x), round(y)), stem, lit(light, bgr(110, 0.6, 0.35)), max(2, round(0.1 * size)), AA)
        turn = rng.uniform(0, 360)
        for petal in range(petals):
            angle = turn + 360 * petal / petals
            at = x + 0.65 * size * np.cos(np.radians(angle)), y + 0.65 * size * np.sin(np.radians(angle))
            axes = (round(0.5 * size), max(1, round(1.3 * size / petals)))
            tone = lit(light, shade(colour, rng.uniform(0.85, 1.15)))
            cv2.ellipse(canvas, (round(at[0]), round(at[1])), axes, angle, 0, 360, tone, -1, AA)
        cv2.circle(canvas, (round(x), round(y)), max(2, round(0.3 * size)), lit(light, heart), -1, AA)


def table(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Plates, cups and food from above."""
    height, width = canvas.shape[:2]
    wood = flat(height, width, lit(light, bgr(rng.uniform(10, 45), rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.9))))
    grain = np.repeat(noise(height, 2, 4, rng, 0.18)[:, :1], width, axis=1) + noise(height, width, 20, rng, 0.08)
    canvas[:] = finish(wood * (1 + grain[..., None]))
    for _ in range(int(rng.integers(1, 6))):
        x, y = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height
        size = height * rng.uniform(0.1, 0.32)
        plate = lit(light, random_bgr(rng) if rng.random() < 0.3 else (245, 245, 245))
        cv2.circle(
            canvas, (round(x + 0.05 * size), round(y + 0.08 * size)), round(size * 1.02), shade(plate, 0.35), -1, AA
        )
        cv2.circle(canvas, (round(x), round(y)), round(size), plate, -1, AA)
        cv2.circle(canvas, (round(x), round(y)), round(size * 0.72), shade(plate, 0.9), 2, AA)
        for _ in range(int(rng.integers(3, 16))):
            at = round(x + rng.normal(0, 0.25) * size), round(y + rng.normal(0, 0.25) * size)
            axes = (max(1, round(rng.uniform(0.06, 0.28) * size)), max(1, round(rng.uniform(0.05, 0.2) * size)))
            cv2.ellipse(canvas, at, axes, rng.uniform(0, 180), 0, 360, lit(light, random_bgr(rng)), -1, AA)


def pattern(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Pebbles, leaves or cloth that fill the picture."""
    height, width = canvas.shape[:2]
    hue, wide = rng.uniform(0, 360), rng.uniform(5, 60)
    canvas[:] = np.array(lit(light, bgr(hue, 0.4, 0.25)), np.uint8)
    long, turn = rng.uniform(1.0, 3.5), rng.choice([0.0, 180.0])
    for _ in range(int(rng.integers(150, 320))):
        size = width * rng.uniform(0.015, 0.07)
        at = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        colour = lit(light, bgr(hue + rng.normal(0, wide), rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.9)))
        axes = (max(1, round(size)), max(1, round(size / long)))
        cv2.ellipse(canvas, at, axes, rng.uniform(0, turn + 1), 0, 360, colour, -1, AA)


def night_sky(canvas: np.ndarray, light: Light, rng: np.random.Generator) -> None:
    """Stars, or fireworks."""
    height, width = canvas.shape[:2]
    dark = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    canvas[:] = finish(
        np.array(light.sky_top, np.float32) * 0.2
        + dark * np.array(light.sky_low, np.float32) * 0.25
        + np.zeros((1, width, 1), np.float32)
    )
    for _ in range(int(rng.integers(60, 200))):
        at = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.circle(canvas, at, int(rng.integers(1, 3)), (255, 255, 255), -1, AA)
    for _ in range(int(rng.integers(0, 5))):
        centre, colour = rng.uniform(0.1, 0.9, 2) * [width, height], random_bgr(rng)
        for angle in rng.uniform(0, 2 * np.pi, 40):
            reach = height * rng.uniform(0.05, 0.25) * np.array([np.cos(angle), np.sin(angle)])
            start, end = np.round(centre + 0.2 * reach).astype(int), np.round(centre + reach).astype(int)
            cv2.line(canvas, tuple(start.tolist()), tuple(end.tolist()), shade(colour, 1.4), 2, AA)

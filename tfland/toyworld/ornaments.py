"""Ornaments: what makes one facade unlike any other. Each is drawn into a cell."""

import itertools

import cv2
import numpy as np

from tfland.toyworld.palette import Palette, random_bgr, shade
from tfland.toyworld.windows import AA, Cell, CellPainter, arch_outline

_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_FONTS = (
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def lettering(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A sign or inscription in random letters."""
    cell = cell.inner(0.04, 0.12)
    dark = rng.random() < 0.5
    ground, ink = (palette.accent, (240, 240, 240)) if dark else (palette.trim, shade(palette.door, 0.6))
    cell.fill(ground)
    cv2.rectangle(cell.picture, (cell.left, cell.top), (cell.right, cell.bottom), shade(ground, 0.55), cell.line())
    rows = 1 if cell.width > 2.2 * cell.height else int(rng.integers(2, 4))
    height = cell.height / rows
    for row in range(rows):
        count = max(2, min(14, round(cell.width / height * rng.uniform(0.9, 1.3))))
        text = "".join(rng.choice(list(_LETTERS), count))
        font = _FONTS[rng.integers(len(_FONTS))]
        (wide, high), _ = cv2.getTextSize(text, font, 1.0, 1)
        scale = min(0.86 * cell.width / max(wide, 1), 0.62 * height / max(high, 1))
        at = (round(cell.left + 0.07 * cell.width), round(cell.top + (row + 0.82) * height))
        cv2.putText(cell.picture, text, at, font, scale, ink, max(1, round(scale * 2.2)), AA)


def clock(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A clock with hands of its own time and a coloured face."""
    radius = max(3, round(0.42 * min(cell.width, cell.height)))
    centre = cell.centre
    face = (235, 240, 245) if rng.random() < 0.6 else palette.accent
    ink = (30, 30, 40) if face != palette.accent else (235, 240, 245)
    cv2.circle(cell.picture, centre, round(radius * 1.12), shade(palette.trim, 0.6), -1, AA)
    cv2.circle(cell.picture, centre, radius, face, -1, AA)
    cv2.circle(cell.glow, centre, radius, 255, -1)
    for hour in range(12):
        ray = np.array([np.sin(hour * np.pi / 6), -np.cos(hour * np.pi / 6)])
        inner, outer = (np.array(centre) + ray * radius * share for share in (0.74, 0.94))
        cv2.line(cell.picture, _point(inner), _point(outer), ink, cell.line(), AA)
    for angle, length in zip(rng.uniform(0, 2 * np.pi, 2), (0.5, 0.8), strict=True):
        tip = np.array(centre) + radius * length * np.array([np.sin(angle), -np.cos(angle)])
        cv2.line(cell.picture, centre, _point(tip), ink, 2 * cell.line(), AA)


def rose(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A rose window: petals of coloured glass in one to three rings, turned at random."""
    radius, centre = 0.46 * min(cell.width, cell.height), np.array(cell.centre)
    cv2.circle(cell.picture, _point(centre), round(radius * 1.1), palette.trim, -1, AA)
    cv2.circle(cell.picture, _point(centre), round(radius), shade(palette.glass, 0.5), -1, AA)
    cv2.circle(cell.glow, _point(centre), round(radius), 200, -1)
    colours = [random_bgr(rng) for _ in range(5)]
    for ring in np.linspace(0.8, 0.35, rng.integers(1, 4)):
        petals, turn = int(rng.integers(5, 13)), rng.uniform(0, 2 * np.pi)
        size = min(radius * 0.22, radius * ring * np.pi / petals * 0.85)
        for petal in range(petals):
            angle = turn + 2 * np.pi * petal / petals
            at = centre + radius * ring * np.array([np.cos(angle), np.sin(angle)])
            cv2.circle(cell.picture, _point(at), max(1, round(size)), colours[rng.integers(5)], -1, AA)
    cv2.circle(cell.picture, _point(centre), max(1, round(radius * 0.16)), colours[0], -1, AA)


def mosaic(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A field of coloured squares."""
    cell = cell.inner(0.06, 0.08)
    columns = int(rng.integers(4, 8))
    rows = max(2, round(columns * cell.height / max(cell.width, 1)))
    colours = np.array([palette.accent, palette.trim, palette.second, palette.door, random_bgr(rng)], np.uint8)
    small = colours[rng.integers(0, 5, (rows, columns))]
    big = cv2.resize(small, (max(1, cell.width), max(1, cell.height)), interpolation=cv2.INTER_NEAREST)
    cell.picture[cell.top : cell.bottom, cell.left : cell.right] = big[: cell.height, : cell.width]
    cv2.rectangle(cell.picture, (cell.left, cell.top), (cell.right, cell.bottom), palette.trim, 2 * cell.line())


def mural(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """Large painted shapes: discs, triangles, rings and bars."""
    cell = cell.inner(0.03, 0.05)
    cell.fill(random_bgr(rng))
    region = cell.picture[cell.top : cell.bottom, cell.left : cell.right]
    short = max(4, min(cell.width, cell.height))
    for _ in range(int(rng.integers(6, 12))):
        x, y = int(rng.integers(0, cell.width + 1)), int(rng.integers(0, cell.height + 1))
        size, kind = int(short * rng.uniform(0.08, 0.3)) + 1, rng.integers(4)
        if kind == 0:
            cv2.circle(region, (x, y), size, random_bgr(rng), -1, AA)
        elif kind == 1:
            corners = np.array([x, y]) + rng.integers(-2 * size, 2 * size + 1, (3, 2))
            cv2.fillPoly(region, [corners.astype(np.int32)], random_bgr(rng), AA)
        elif kind == 2:
            cv2.circle(region, (x, y), size, random_bgr(rng), max(2, size // 3), AA)
        else:
            end = (x + int(rng.integers(-3, 4)) * size, y + int(rng.integers(-3, 4)) * size)
            cv2.line(region, (x, y), end, random_bgr(rng), max(2, size // 3), AA)
    cv2.rectangle(cell.picture, (cell.left, cell.top), (cell.right, cell.bottom), palette.trim, 2 * cell.line())


def shield(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A coat of arms: a quartered shield with charges."""
    part = cell.inner(0.2, 0.1)
    outline = np.array(arch_outline(part, "pointed"))
    outline[:, 1] = part.top + part.bottom - outline[:, 1]
    cv2.fillPoly(cell.picture, [outline], palette.accent, AA)
    mask = np.zeros(cell.glow.shape, np.uint8)
    cv2.fillPoly(mask, [outline], 255)
    x, y = part.centre
    quarters = [(part.left, part.top, x, y), (x, y, part.right, part.bottom), (x, part.top, part.right, y)]
    for left, top, right, bottom in quarters[: rng.integers(1, 4)]:
        inside = mask[top:bottom, left:right] > 0
        cell.picture[top:bottom, left:right][inside] = np.array(random_bgr(rng), np.uint8)
    for _ in range(3):
        at = (int(rng.integers(part.left, part.right + 1)), int(rng.integers(part.top, y + 1)))
        cv2.circle(cell.picture, at, max(2, part.width // 9), random_bgr(rng), -1, AA)
    cv2.polylines(cell.picture, [outline], True, palette.trim, 2 * cell.line(), AA)


def statue(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A figure in a niche, with a pose of its own."""
    niche = cell.inner(0.18, 0.06, bottom=0.04)
    cv2.fillPoly(cell.picture, [arch_outline(niche, "round")], shade(palette.wall, 0.45), AA)
    stone = shade(palette.trim, rng.uniform(0.75, 1.0))
    x, width, height = niche.centre[0], niche.width, niche.height
    robe = [(x - 0.3 * width, niche.bottom), (x - 0.14 * width, niche.top + 0.36 * height)]
    robe += [(x + 0.14 * width, niche.top + 0.36 * height), (x + 0.26 * width, niche.bottom)]
    cv2.fillPoly(cell.picture, [np.round(robe).astype(np.int32)], stone, AA)
    head = (int(x + rng.uniform(-0.04, 0.04) * width), int(niche.top + 0.29 * height))
    cv2.circle(cell.picture, head, max(2, round(0.12 * width)), shade(stone, 1.15), -1, AA)
    shoulder = np.array([x, niche.top + 0.42 * height])
    for side in (-1, 1):
        reach = np.array([side * rng.uniform(0.2, 0.42) * width, rng.uniform(-0.28, 0.3) * height])
        hand = shoulder + reach
        cv2.line(cell.picture, _point(shoulder), _point(hand), shade(stone, 0.85), 2 * cell.line(), AA)
    if rng.random() < 0.5:
        cv2.line(cell.picture, _point(hand), (_point(hand)[0], niche.bottom), palette.accent, cell.line(), AA)


def relief(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A carved panel: polygons of light and dark stone."""
    cell = cell.inner(0.1, 0.14)
    cell.fill(shade(palette.trim, 0.75))
    region = cell.picture[cell.top : cell.bottom, cell.left : cell.right]
    for _ in range(int(rng.integers(7, 13))):
        middle = rng.uniform(0, 1, 2) * [cell.width, cell.height]
        corners = middle + rng.normal(0, 0.16, (int(rng.integers(3, 6)), 2)) * min(cell.width, cell.height)
        cv2.fillPoly(region, [np.round(corners).astype(np.int32)], shade(palette.trim, rng.uniform(0.35, 1.15)), AA)
    cv2.rectangle(cell.picture, (cell.left, cell.top), (cell.right, cell.bottom), shade(palette.trim, 0.5), cell.line())


def sunburst(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """Rays of two colours around an off-centre point."""
    cell = cell.inner(0.1, 0.1)
    centre = np.array([rng.uniform(0.3, 0.7) * cell.width, rng.uniform(0.3, 1.0) * cell.height])
    region = cell.picture[cell.top : cell.bottom, cell.left : cell.right]
    cell.fill(palette.second)
    edges = np.cumsum(rng.uniform(0.5, 1.6, 2 * int(rng.integers(5, 10))))
    edges = rng.uniform(0, 6) + edges / edges[-1] * 2 * np.pi
    reach = 2.0 * max(cell.width, cell.height)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        ends = [centre + reach * np.array([np.cos(a), np.sin(a)]) for a in (start, end)]
        cv2.fillPoly(region, [np.round([centre, *ends]).astype(np.int32)], palette.accent, AA)
    cv2.circle(region, _point(centre), max(2, min(cell.width, cell.height) // 7), random_bgr(rng), -1, AA)


def banner(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A hanging flag with stripes and an emblem."""
    part = cell.inner(rng.uniform(0.15, 0.3), 0.02, bottom=rng.uniform(0.02, 0.15))
    edges = np.round(np.linspace(part.top, part.bottom, rng.integers(3, 7))).astype(int)
    colours = [random_bgr(rng), random_bgr(rng), (235, 235, 235)]
    for number, (top, bottom) in enumerate(itertools.pairwise(edges)):
        colour = colours[number % len(colours)]
        cv2.rectangle(cell.picture, (part.left, int(top)), (part.right, int(bottom)), colour, -1)
    cv2.circle(cell.picture, part.centre, max(2, part.width // 3), random_bgr(rng), -1, AA)
    cv2.line(cell.picture, (part.left - 2, part.top), (part.right + 2, part.top), palette.door, 2 * cell.line())


def _point(values: np.ndarray) -> tuple[int, int]:
    x, y = np.round(values).astype(int)
    return int(x), int(y)


ORNAMENTS: dict[str, CellPainter] = {
    "banner": banner,
    "clock": clock,
    "lettering": lettering,
    "mosaic": mosaic,
    "mural": mural,
    "relief": relief,
    "rose": rose,
    "shield": shield,
    "statue": statue,
    "sunburst": sunburst,
}

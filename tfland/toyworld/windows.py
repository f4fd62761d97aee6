"""Windows and doors, drawn into a cell of a facade."""

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np

from tfland.toyworld.palette import Colour, Palette, bgr, random_bgr, shade

AA = cv2.LINE_AA


@dataclasses.dataclass(frozen=True)
class Cell:
    """A rectangle of a facade and what is drawn on.

    Attributes:
        picture: [H, W, 3] uint8 BGR, drawn into.
        glow: [H, W] uint8, how brightly a place shines at night; drawn into.
        left: pixels; the others likewise.
        top: pixels.
        right: pixels.
        bottom: pixels.
    """

    picture: np.ndarray
    glow: np.ndarray
    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels."""
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[int, int]:
        """(x, y) in pixels."""
        return (self.left + self.right) // 2, (self.top + self.bottom) // 2

    def inner(self, x: float, y: float, right: float | None = None, bottom: float | None = None) -> "Cell":
        """The cell cut by shares of its width and height on the left, top, right and bottom."""
        right = x if right is None else right
        bottom = y if bottom is None else bottom
        return dataclasses.replace(
            self,
            left=self.left + round(self.width * x),
            top=self.top + round(self.height * y),
            right=self.right - round(self.width * right),
            bottom=self.bottom - round(self.height * bottom),
        )

    def fill(self, colour: Colour) -> None:
        """Paints all of it."""
        cv2.rectangle(self.picture, (self.left, self.top), (self.right, self.bottom), colour, -1)

    def line(self) -> int:
        """Width of a fine line in pixels."""
        return max(1, round(min(self.width, self.height) * 0.05))


CellPainter = Callable[[Cell, Palette, np.random.Generator], None]


def _pane_colour(palette: Palette, rng: np.random.Generator) -> Colour:
    """Glass that mirrors the sky, hides behind a curtain or stays dark."""
    kind = rng.random()
    if kind < 0.55:
        return shade(palette.glass, rng.uniform(0.6, 1.3))
    if kind < 0.75:
        return bgr(rng.uniform(195, 225), 0.3, rng.uniform(0.6, 0.85))
    return random_bgr(rng)


def _panes(cell: Cell, palette: Palette, rng: np.random.Generator, outline: np.ndarray) -> None:
    """Fills an outline with glass and bars; a lit window glows."""
    cv2.fillPoly(cell.picture, [outline], _pane_colour(palette, rng), AA)
    if rng.random() < 0.6:
        cv2.fillPoly(cell.glow, [outline], int(rng.integers(120, 255)))
    left, top, right, bottom = cell.left, cell.top, cell.right, cell.bottom
    if rng.random() < 0.35:
        part = int(bottom - cell.height * rng.uniform(0.25, 0.6))
        half = int(left + cell.width * rng.choice([0.5, 1.0]))
        cv2.rectangle(cell.picture, (left, part), (half, bottom), random_bgr(rng), -1)
    for share in np.linspace(0, 1, rng.integers(2, 4) + 1)[1:-1]:
        x = round(left + cell.width * share)
        cv2.line(cell.picture, (x, top), (x, bottom), palette.trim, cell.line())
    for share in np.linspace(0, 1, rng.integers(1, 4) + 1)[1:-1]:
        y = round(top + cell.height * share)
        cv2.line(cell.picture, (left, y), (right, y), palette.trim, cell.line())


def arch_outline(cell: Cell, kind: str) -> np.ndarray:
    """[N, 2] int32: outline of an opening that fills the cell; kind square, round, pointed or segment."""
    left, top, right, bottom = cell.left, cell.top, cell.right, cell.bottom
    half, centre = cell.width / 2, (left + right) / 2
    t = np.linspace(0, np.pi, 13)
    if kind == "square":
        points = [(left, top), (right, top)]
    elif kind == "pointed":
        side = np.linspace(0, np.pi / 3, 7)
        right_arc = np.column_stack([left + cell.width * np.cos(side), -cell.width * np.sin(side)])
        left_arc = np.column_stack([right - cell.width * np.cos(side[::-1]), -cell.width * np.sin(side[::-1])])
        arc = np.concatenate([right_arc, left_arc])[::-1]
        points = [(x, top + min(cell.width * 0.87, cell.height * 0.6) * (1 + y / (cell.width * 0.87))) for x, y in arc]
    else:
        rise = min(half * (1.0 if kind == "round" else 0.45), cell.height * 0.6)
        points = [(centre - half * np.cos(a), top + rise * (1 - np.sin(a))) for a in t]
    return np.round([*points, (right, bottom), (left, bottom)]).astype(np.int32)


def window(cell: Cell, palette: Palette, rng: np.random.Generator, kind: str = "square") -> None:
    """A framed window, with a sill and at times shutters, a balcony or a flower box."""
    cell = cell.inner(rng.uniform(0.1, 0.26), rng.uniform(0.08, 0.2), bottom=rng.uniform(0.08, 0.2))
    outline = arch_outline(cell, kind)
    cv2.polylines(cell.picture, [outline], True, palette.trim, 3 * cell.line(), AA)
    _panes(cell, palette, rng, outline)
    if rng.random() < 0.25:
        wide = round(cell.width * 0.28)
        colour = palette.door if rng.random() < 0.6 else palette.accent
        for x in (cell.left - wide - 1, cell.right + 1):
            if rng.random() < 0.8:
                cv2.rectangle(cell.picture, (x, cell.top), (x + wide, cell.bottom), colour, -1)
                for y in range(cell.top, cell.bottom, max(3, 3 * cell.line())):
                    cv2.line(cell.picture, (x, y), (x + wide, y), shade(colour, 0.6), 1)
    extra = round(cell.width * 0.15)
    sill = (cell.left - extra, cell.bottom), (cell.right + extra, cell.bottom + 2 * cell.line())
    cv2.rectangle(cell.picture, *sill, shade(palette.trim, 0.85), -1)
    if rng.random() < 0.2:
        for _ in range(10):
            x, y = rng.integers([cell.left, cell.bottom - 3 * cell.line()], [cell.right + 1, cell.bottom + 1])
            cv2.circle(cell.picture, (int(x), int(y)), 2 * cell.line(), random_bgr(rng), -1, AA)


def round_window(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """An arched window."""
    window(cell, palette, rng, "round")


def pointed_window(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A Gothic window."""
    window(cell, palette, rng, "pointed")


def segment_window(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A window under a flat arch."""
    window(cell, palette, rng, "segment")


def pair_of_windows(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """Two narrow windows under one arch with an eye between them."""
    kind = str(rng.choice(["round", "pointed"]))
    whole = arch_outline(cell.inner(0.1, 0.08), kind)
    cv2.fillPoly(cell.picture, [whole], shade(palette.second, 0.9), AA)
    cv2.polylines(cell.picture, [whole], True, palette.trim, 2 * cell.line(), AA)
    for part in (cell.inner(0.16, 0.36, 0.53, 0.1), cell.inner(0.53, 0.36, 0.16, 0.1)):
        _panes(part, palette, rng, arch_outline(part, kind))
    x, y = cell.centre
    cv2.circle(cell.picture, (x, y - round(cell.height * 0.2)), round(cell.width * 0.11), random_bgr(rng), -1, AA)


def portal(cell: Cell, palette: Palette, rng: np.random.Generator) -> None:
    """A large door within receding arches, with a picture above it."""
    kind = str(rng.choice(["round", "pointed", "segment", "square"]))
    colours = [palette.trim, palette.second, palette.accent, palette.trim]
    for step, colour in enumerate(colours):
        outline = arch_outline(cell.inner(0.05 * step, 0.04 * step, bottom=0.0), kind)
        cv2.fillPoly(cell.picture, [outline], shade(colour, rng.uniform(0.6, 1.0)), AA)
    door = cell.inner(0.22, 0.18, bottom=0.0)
    outline = arch_outline(door, kind)
    cv2.fillPoly(cell.picture, [outline], random_bgr(rng), AA)
    leaf = door.inner(0.0, rng.uniform(0.3, 0.45), bottom=0.0)
    leaf.fill(palette.door)
    for _ in range(9):
        x, y = rng.integers(door.left, door.right), rng.integers(door.top + door.height // 8, leaf.top + 1)
        cv2.circle(cell.picture, (int(x), int(y)), int(rng.integers(1, 3 * cell.line() + 1)), random_bgr(rng), -1, AA)
    middle = leaf.centre[0]
    cv2.line(cell.picture, (middle, leaf.top), (middle, leaf.bottom), shade(palette.door, 0.4), cell.line())
    for y in np.linspace(leaf.top, leaf.bottom, rng.integers(3, 6)).astype(int):
        cv2.line(cell.picture, (leaf.left, y), (leaf.right, y), shade(palette.door, 1.6), cell.line())


WINDOWS: dict[str, CellPainter] = {
    "pair": pair_of_windows,
    "pointed": pointed_window,
    "round": round_window,
    "segment": segment_window,
    "square": window,
}

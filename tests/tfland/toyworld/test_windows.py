import numpy as np
import pytest

from tfland.toyworld.config import stream
from tfland.toyworld.palette import make_palette
from tfland.toyworld.windows import WINDOWS, Cell, arch_outline, portal, window

PALETTE = make_palette("ochre", stream(1))


def cell(left: int, top: int, right: int, bottom: int, *, margin: int = 0) -> Cell:
    shape = (bottom + margin, right + margin)
    return Cell(np.full((*shape, 3), 128, np.uint8), np.zeros(shape, np.uint8), left, top, right, bottom)


def test_cells_are_cut_by_shares_of_themselves() -> None:
    whole = cell(10, 20, 110, 70)
    assert (whole.width, whole.height, whole.centre, whole.line()) == (100, 50, (60, 45), 2)
    both = whole.inner(0.1, 0.2)
    assert (both.left, both.top, both.right, both.bottom) == (20, 30, 100, 60)
    uneven = whole.inner(0.1, 0.2, 0.3, 0.0)
    assert (uneven.left, uneven.top, uneven.right, uneven.bottom) == (20, 30, 80, 70)
    assert uneven.picture is whole.picture
    assert cell(0, 0, 4, 4).line() == 1


def test_filling_paints_the_cell_and_nothing_else() -> None:
    part = cell(10, 20, 40, 50, margin=30)
    part.fill((1, 2, 3))
    painted = (part.picture == (1, 2, 3)).all(axis=2)
    assert painted[20:51, 10:41].all()
    assert painted.sum() == 31 * 31


@pytest.mark.parametrize("kind", ["square", "round", "pointed", "segment"])
def test_outlines_fill_their_cell_and_are_symmetric(kind: str) -> None:
    outline = arch_outline(cell(10, 20, 40, 90), kind)
    np.testing.assert_array_equal(outline.min(axis=0), [10, 20])
    np.testing.assert_array_equal(outline.max(axis=0), [40, 90])
    mirrored = np.column_stack([50 - outline[:, 0], outline[:, 1]])
    for point in mirrored:
        assert np.abs(outline - point).sum(axis=1).min() <= 2, "rounding moves a point by a pixel at most"


def test_arches_have_their_curves() -> None:
    """A half circle; and a Gothic arch, whose sides are struck from the opposite springing (equilateral)."""
    tall = cell(0, 0, 200, 600)
    above = arch_outline(tall, "round")[:-2]
    np.testing.assert_allclose(np.hypot(above[:, 0] - 100, above[:, 1] - 100), 100, atol=1)
    gothic = arch_outline(tall, "pointed")[:-2]
    for left, right in ((0, 100), (100, 200)):
        side = gothic[(gothic[:, 0] >= left) & (gothic[:, 0] <= right)]
        struck_from = 200 - 2 * left
        np.testing.assert_allclose(np.hypot(side[:, 0] - struck_from, side[:, 1] - 0.87 * 200), 200, atol=2)


@pytest.mark.parametrize("painter", [*WINDOWS.values(), portal])
@pytest.mark.parametrize("shape", [(12, 12), (40, 16), (16, 90), (80, 80)])
def test_windows_draw_in_their_cell_at_any_size(painter, shape: tuple[int, int]) -> None:
    height, width = shape
    wall = cell(100, 100, 100 + width, 100 + height, margin=100)
    for seed in range(4):
        painter(wall, PALETTE, stream(6, seed))
    assert (wall.picture[100 : 100 + height, 100 : 100 + width] != 128).mean() > 0.1
    wall.picture[60 : 140 + height, 60 : 140 + width] = 128
    assert (wall.picture == 128).all(), "drawn far outside its cell"


@pytest.mark.parametrize("name", WINDOWS)
def test_lit_windows_glow_within_their_frame(name: str) -> None:
    lit = 0
    for seed in range(100):
        wall = cell(20, 20, 70, 80, margin=20)
        WINDOWS[name](wall, PALETTE, stream(7, seed))
        lit += bool(wall.glow.any())
        ys, xs = np.nonzero(wall.glow)
        if len(xs):
            assert 20 < xs.min() <= xs.max() < 70
            assert 20 < ys.min() <= ys.max() < 80
            assert wall.glow[ys, xs].min() >= 120
    # 0.6 of the panes; a pair has two.
    assert lit / 100 == pytest.approx(0.84 if name == "pair" else 0.6, abs=0.16)


def test_the_same_stream_gives_the_same_window() -> None:
    walls = [cell(0, 0, 60, 90, margin=10) for _ in range(3)]
    for wall, seed in zip(walls, (1, 1, 2), strict=True):
        window(wall, PALETTE, stream(8, seed))
    assert (walls[0].picture == walls[1].picture).all()
    assert (walls[0].picture != walls[2].picture).any(axis=2).mean() > 0.1


def test_portals_stand_on_the_ground_and_have_a_door() -> None:
    for seed in range(10):
        wall = cell(20, 20, 100, 140, margin=40)
        portal(wall, PALETTE, stream(9, seed))
        door = np.round(PALETTE.door)
        ys, xs = np.nonzero((np.abs(wall.picture - door) <= 1).all(axis=2))
        assert len(xs) > 0.08 * 80 * 120
        assert ys.max() >= 135, "the leaf reaches the cell's foot, but for a light rail"
        assert xs.mean() == pytest.approx(60, abs=4)
        assert not wall.glow.any()

import numpy as np
import pytest

from tfland.toyworld.config import stream
from tfland.toyworld.facades import KINDS, TextureSpec, make_texture
from tfland.toyworld.materials import WALL_MATERIALS
from tfland.toyworld.palette import make_palette

PALETTE = make_palette("ochre", stream(1))


def spec(kind: str, **changes: object) -> TextureSpec:
    values = {"kind": kind, "width": 20.0, "height": 10.0, "material": "brick", "window": "round"}
    return TextureSpec(**(values | changes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(20.0, 10.0), (0.4, 30.0), (30.0, 0.4)])
def test_textures_have_the_size_asked_for_and_halve(kind: str, size: tuple[float, float]) -> None:
    texture = make_texture(spec(kind, width=size[0], height=size[1]), PALETTE, stream(2), 8.0, 30.0)
    width, height = (max(8, round(side * 8)) for side in size)
    assert texture.pictures[0].shape == (height, width, 3)
    assert texture.pictures[1].shape == (height // 2, width // 2, 3)
    assert texture.glows[0].shape == (height, width)
    assert all(level.dtype == np.uint8 for level in texture.pictures + texture.glows)
    assert texture.masks == ()


@pytest.mark.parametrize("name", WALL_MATERIALS)
def test_walls_are_deterministic_and_no_two_alike(name: str) -> None:
    one, again, other = (
        make_texture(spec("front", material=name), PALETTE, stream(3, seed), 8.0, 30.0).pictures[0]
        for seed in (1, 1, 2)
    )
    assert (one == again).all()
    assert np.abs(one.astype(int) - other).mean() > 5


def test_a_facade_does_not_repeat_itself() -> None:
    """Shifted by any whole part of itself, a facade is about as unlike as two facades are."""
    picture = make_texture(spec("front"), PALETTE, stream(4), 16.0, 30.0).pictures[0].astype(float)
    spread = picture.std()
    for part in (3, 4, 5, 6, 7, 8):
        shifted = np.roll(picture, picture.shape[1] // part, axis=1)
        assert np.abs(picture - shifted).mean() > 0.4 * spread


def test_openings_are_holes_where_they_should_be() -> None:
    texture = make_texture(spec("front", openings=((5.0, 2.0, 4.0),)), PALETTE, stream(5), 10.0, 20.0)
    mask = texture.masks[0]
    # 5 m from the left, 1 m and 5.5 m above the ground: in the hole; 6.5 m and x = 8 m: outside.
    assert mask[100 - 10, 50] == 0
    assert mask[100 - 55, 50] == 0
    assert mask[100 - 65, 50] == 255
    assert mask[100 - 10, 80] == 255
    assert (mask == 0).sum() == pytest.approx(10 * 10 * (4 * 4 + np.pi * 2**2 / 2), rel=0.05)

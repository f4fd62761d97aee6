import numpy as np
import pytest

from tfland.toyworld.config import stream
from tfland.toyworld.families import FAMILIES, make_building


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_stands_on_the_ground_and_has_its_textures(family: str) -> None:
    for seed in range(8):
        building = make_building(family, stream(seed, family))
        named = {face.texture for part in building.solids for face in part.faces}
        assert building.family == family
        assert named <= set(building.textures)
        assert building.low[2] == 0
        assert 15 < building.extent < 120
        assert all((part.high - part.low).min() > 0.1 for part in building.solids)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_floats(family: str) -> None:
    """Every part stands on the ground or on a part below it, which reaches up to its foot."""
    for seed in range(10):
        solids = make_building(family, stream(seed, family)).solids
        low, high = np.stack([part.low for part in solids]), np.stack([part.high for part in solids])
        gaps = np.maximum(low[:, None] - high[None], low[None] - high[:, None])[..., :2].max(axis=2)
        foot = low[:, None, 2]
        below = (low[None, :, 2] < foot) & (foot <= high[None, :, 2] + 1e-6) & (gaps < -1e-6)
        assert (below.any(axis=1) | (low[:, 2] < 1e-9)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_openings_lie_in_their_walls_side_by_side(family: str) -> None:
    for seed in range(15):
        for spec in make_building(family, stream(seed, family)).textures.values():
            spans = sorted((centre - half, centre + half) for centre, half, _ in spec.openings)
            edges = [0.0, *(edge for span in spans for edge in span), spec.width]
            assert edges == sorted(edges)
            assert all(spring + half < spec.height for _, half, spring in spec.openings)


def test_arches_castles_mosques_and_no_others_have_gates() -> None:
    """A gate is open in front and behind."""
    for family in FAMILIES:
        walls = [spec for spec in make_building(family, stream(1)).textures.values() if spec.openings]
        assert len(walls) == (2 if family in ("Arch", "Castle", "Mosque") else 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_proportions_hang_on_the_stream_alone(family: str) -> None:
    one, again, other = (make_building(family, stream(3, n)) for n in (1, 1, 2))
    assert one.textures == again.textures
    np.testing.assert_array_equal([part.low for part in one.solids], [part.low for part in again.solids])
    sizes = [item.high - item.low for item in (one, other)]
    assert np.abs(sizes[0] / sizes[1] - 1).max() > 0.02


def test_families_differ_in_shape() -> None:
    """Lighthouses and bell towers are slender, palaces broad; every kind has a silhouette of its own on average."""
    slender = {family: np.mean([_slenderness(family, seed) for seed in range(5)]) for family in FAMILIES}
    assert min(slender["Lighthouse"], slender["Bell Tower"]) > 1.2
    assert slender["Palace"] < 0.7


def _slenderness(family: str, seed: int) -> float:
    size = np.subtract(*(getattr(make_building(family, stream(seed, family)), end) for end in ("high", "low")))
    return float(size[2] / size[0])

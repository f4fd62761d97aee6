import dataclasses

import numpy as np
import pytest

from tfland.toyworld.config import stream
from tfland.toyworld.light import LIGHTS, Light, gain, lit, make_light

PLAIN = Light(
    name="test",
    sun=np.array([0.0, -0.6, 0.8]),
    sunlight=(0.5, 0.25, 0.125),
    ambient=(0.25, 0.5, 0.75),
    sky_top=(0, 0, 0),
    sky_low=(0, 0, 0),
    haze=0.0,
    glow=0.0,
    clouds=0.0,
)


@pytest.fixture(scope="module")
def drawn() -> list[Light]:
    return [make_light(stream(13, n)) for n in range(1500)]


def test_surfaces_get_more_light_the_more_they_face_the_sun() -> None:
    """Lambert: the cosine of the angle, and only ambient light on the far side."""
    assert gain(PLAIN, PLAIN.sun) == pytest.approx((0.75, 0.75, 0.875))
    assert gain(PLAIN, np.array([0.0, 0.0, 1.0])) == pytest.approx((0.65, 0.7, 0.85))
    assert gain(PLAIN, np.array([1.0, 0.0, 0.0])) == PLAIN.ambient
    assert gain(PLAIN, -PLAIN.sun) == PLAIN.ambient


def test_things_are_lit_by_half_the_sun_and_never_exceed_white() -> None:
    assert lit(PLAIN, (100, 100, 100)) == pytest.approx((50, 62.5, 81.25))
    assert lit(PLAIN, (100, 100, 100), 0.5) == pytest.approx((25, 31.25, 40.625))
    bright = dataclasses.replace(PLAIN, ambient=(2.0, 1.0, 0.5))
    assert lit(bright, (200, 200, 200)) == pytest.approx((255, 225, 112.5))


def test_kinds_of_light_have_their_shares(drawn: list[Light]) -> None:
    expected = {"sun": 0.40, "overcast": 0.22, "golden": 0.14, "haze": 0.12, "dusk": 0.12}
    assert set(expected) == set(LIGHTS)
    for name, share in expected.items():
        spread = np.sqrt(share * (1 - share) / len(drawn))
        assert np.mean([light.name == name for light in drawn]) == pytest.approx(share, abs=4 * spread)


def test_the_sun_is_up_and_mostly_in_front(drawn: list[Light]) -> None:
    suns = np.array([light.sun for light in drawn])
    np.testing.assert_allclose(np.linalg.norm(suns, axis=1), 1)
    heights = np.degrees(np.arcsin(suns[:, 2]))
    assert 22 <= heights.min() < 24
    assert 58 < heights.max() <= 60
    # The front faces -y; |N(0, 0.9)| is below a right angle in 92 %.
    assert (suns[:, 1] < 0).mean() == pytest.approx(0.92, abs=0.03)
    assert abs(suns[:, 0].mean()) < 0.06


def test_windows_are_lit_at_dusk_only_and_haze_is_thickest_in_haze(drawn: list[Light]) -> None:
    assert all(0.5 <= light.glow <= 1.0 if light.name == "dusk" else light.glow == 0 for light in drawn)
    thickest = {name: max(light.haze for light in drawn if light.name == name) for name in LIGHTS}
    assert max(thickest, key=lambda name: thickest[name]) == "haze"
    assert thickest["haze"] <= 0.38
    assert all(0 <= light.clouds <= 0.8 for light in drawn)


def test_golden_light_is_warm(drawn: list[Light]) -> None:
    """Red over blue in direct sunlight, whatever the variation."""
    for light in drawn:
        if light.name == "golden":
            assert light.sunlight[2] > 1.8 * light.sunlight[0]

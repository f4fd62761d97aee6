import dataclasses

import numpy as np
import pytest

from tfland.toyworld.config import ToyworldConfig
from tfland.toyworld.families import FAMILIES
from tfland.toyworld.palette import WALLS
from tfland.toyworld.world import CATALOGUE, World, family_of, get_world, wall_of

CONFIG = ToyworldConfig(size=32)


def wall_name(world: World) -> str:
    """A small texture of the building, which is quick to paint."""
    return min(world.building.textures, key=lambda name: _area(world, name))


def _area(world: World, name: str) -> float:
    return world.building.textures[name].width * world.building.textures[name].height


def test_kinds_and_walls_are_spread() -> None:
    pairs = {(family_of(7, CATALOGUE, n), wall_of(7, CATALOGUE, n)) for n in range(154)}
    assert len(pairs) == len(FAMILIES) * len(WALLS) == 154
    assert len({family_of(7, CATALOGUE, n) for n in range(11)}) == 11
    assert [family_of(7, CATALOGUE, n) for n in range(11)] != [family_of(8, CATALOGUE, n) for n in range(11)]


def test_textures_do_not_depend_on_what_was_painted_before() -> None:
    one, other = World(CONFIG, CATALOGUE, 1), World(CONFIG, CATALOGUE, 1)
    names = list(one.building.textures)[:3]
    forward = {name: one.texture(name) for name in names}
    backward = {name: other.texture(name) for name in reversed(names)}
    for name in names:
        assert (forward[name].pictures[0] == backward[name].pictures[0]).all()
    assert one.texture(names[0]) is forward[names[0]], "painted once"


@pytest.mark.parametrize(("size", "side"), [(32, 192), (160, 320), (2048, 1024)])
def test_textures_are_as_fine_as_the_canvas_within_limits(size: int, side: int) -> None:
    """The building's larger side gets two texture pixels for each of the photograph's, 192 to 1024."""
    world = World(dataclasses.replace(CONFIG, size=size), CATALOGUE, 2)
    name = wall_name(world)
    spec, per_metre = world.building.textures[name], side / world.building.extent
    expected = (max(8, round(spec.height * per_metre)), max(8, round(spec.width * per_metre)))
    assert world.texture(name).pictures[0].shape[:2] == expected


def test_a_building_hangs_on_seed_group_and_index_alone() -> None:
    world = World(CONFIG, CATALOGUE, 3)
    same = World(dataclasses.replace(CONFIG, landmarks=9, images=50, queries=3, distractor_share=0.1), CATALOGUE, 3)
    np.testing.assert_array_equal(same.building.high, world.building.high)
    np.testing.assert_array_equal(same.surroundings.ground, world.surroundings.ground)
    assert (same.texture(wall_name(same)).pictures[0] == world.texture(wall_name(world)).pictures[0]).all()
    for other in (
        World(dataclasses.replace(CONFIG, seed=8), CATALOGUE, 3),
        World(CONFIG, "unknown test", 3),
        World(CONFIG, CATALOGUE, 3 + len(FAMILIES)),
    ):
        assert (other.building.high != world.building.high).any()
        assert (other.surroundings.ground != world.surroundings.ground).any()


def test_worlds_are_kept_for_the_next_photograph_of_them() -> None:
    world = get_world(CONFIG, CATALOGUE, 4)
    assert get_world(CONFIG, CATALOGUE, 4) is world
    assert get_world(CONFIG, CATALOGUE, 5) is not world
    assert world.building.family == family_of(CONFIG.seed, CATALOGUE, 4)

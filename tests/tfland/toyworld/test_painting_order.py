import numpy as np
import pytest

from tfland.toyworld.painting_order import painting_order
from tfland.toyworld.solids import Solid, box


def boxes(rng: np.random.Generator, count: int) -> list[Solid]:
    """Boxes in cells of a grid, so that no two overlap; some touch."""
    cells = rng.permutation(27)[:count]
    made = []
    for cell in cells:
        corner = np.array(np.unravel_index(cell, (3, 3, 3))) * 10.0
        low = corner + rng.choice([0.0, 1.0, 3.0], 3)
        made.append(box(low, corner + rng.choice([6.0, 9.0, 10.0], 3), ["a"] * 5))
    return made


def hit_distance(solid: Solid, origin: np.ndarray, direction: np.ndarray) -> float:
    """Distance along a ray to a box (slabs), infinity if it misses."""
    with np.errstate(divide="ignore"):
        ends = np.sort([(solid.low - origin) / direction, (solid.high - origin) / direction], axis=0)
    enter, leave = ends[0].max(), ends[1].min()
    return enter if 0 < enter < leave else np.inf


@pytest.mark.parametrize("seed", range(25))
def test_nearer_boxes_are_painted_later_along_every_ray(seed: int) -> None:
    rng = np.random.default_rng(seed)
    solids = boxes(rng, 14)
    position = rng.choice([-1, 1], 3) * rng.uniform(20, 60, 3) + 15
    place = np.argsort(painting_order(solids, position))
    for target in rng.uniform(0, 30, (150, 3)):
        distances = np.array([hit_distance(item, position, target - position) for item in solids])
        hit = np.flatnonzero(np.isfinite(distances))
        if len(hit) > 1:
            by_distance = hit[np.argsort(-distances[hit])]
            assert (np.diff(place[by_distance]) > 0).all()


def test_every_solid_is_painted_once_even_if_boxes_overlap() -> None:
    solids = [box((0, 0, 0), (5, 5, 5), ["a"] * 5), box((4, 0, 0), (9, 5, 5), ["a"] * 5)]
    solids.append(box((2, 2, 2), (7, 4, 4), ["a"] * 5))
    assert sorted(painting_order(solids, np.array([20.0, -5.0, 2.0]))) == [0, 1, 2]
    assert painting_order(solids[:2], np.array([20.0, -5.0, 2.0])) == [0, 1]
    assert painting_order(solids[:2], np.array([-20.0, -5.0, 2.0])) == [1, 0]

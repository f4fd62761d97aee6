import inspect

import numpy as np
import pytest

from tfland.toyworld import closeups, landscapes
from tfland.toyworld.config import stream
from tfland.toyworld.distractors import DISTRACTORS
from tfland.toyworld.light import make_light


@pytest.mark.parametrize("name", DISTRACTORS)
@pytest.mark.parametrize("shape", [(64, 48), (90, 128)])
def test_distractors_fill_the_picture(name: str, shape: tuple[int, int]) -> None:
    seen = set()
    for seed in range(6):
        canvas = np.full((*shape, 3), 77, np.uint8)
        DISTRACTORS[name](canvas, make_light(stream(seed)), stream(seed, name))
        assert (canvas == 77).all(axis=2).mean() < 0.1
        assert canvas.std() > 4
        seen.add(canvas.tobytes())
    assert len(seen) == 6


def test_every_scene_can_be_chosen() -> None:
    scenes = {
        name
        for module in (closeups, landscapes)
        for name, member in inspect.getmembers(module, inspect.isfunction)
        if member.__module__ == module.__name__ and not name.startswith("_")
    }
    assert {painter.__name__ for painter in DISTRACTORS.values()} == scenes == set(DISTRACTORS)

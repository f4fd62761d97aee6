"""Learning rates at the steps where something happens, computed by hand."""

import math
from typing import Any

import pytest

from tfland.config import ScheduleConfig
from tfland.training.schedules import Schedule


def rates(steps: list[int], **settings: Any) -> list[float]:
    """At `steps` of a run of 100 steps and 10 epochs, with a highest rate of 0.4."""
    schedule = Schedule(ScheduleConfig(learning_rate=0.4, **settings), steps_per_epoch=10.0, num_steps=100)
    return [float(schedule(step)) for step in steps]


def test_constant() -> None:
    assert rates([0, 50, 99], name="constant") == pytest.approx([0.4] * 3)


def test_step_drops_after_its_epochs() -> None:
    assert rates([0, 79, 80, 99], name="step", step_epochs=8.0, gamma=0.1) == pytest.approx([0.4, 0.4, 0.04, 0.04])


def test_cosine_falls_to_its_floor() -> None:
    found = rates([0, 25, 50, 100], name="cosine", floor=0.2)
    assert found == pytest.approx([0.4, 0.2 + 0.1 * (1 + math.cos(math.pi / 4)), 0.3, 0.2])


def test_warm_up_rises_from_one_part_to_the_whole() -> None:
    assert rates([0, 1, 9, 10], name="constant", warmup_epochs=1.0) == pytest.approx([0.04, 0.08, 0.4, 0.4])


def test_cosine_begins_after_warm_up() -> None:
    assert rates([19, 20, 60, 100], name="cosine", warmup_epochs=2.0) == pytest.approx([0.4, 0.4, 0.2, 0.0], abs=1e-6)


def test_a_run_of_warm_up_alone_ends_at_the_highest_rate() -> None:
    assert rates([0, 99], name="cosine", warmup_epochs=10.0) == pytest.approx([0.004, 0.4])


def test_a_warm_up_shorter_than_a_step_never_exceeds_the_highest_rate() -> None:
    assert max(rates([0, 1], name="cosine", warmup_epochs=0.05)) <= 0.4 + 1e-6

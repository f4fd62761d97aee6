"""What is due after which step."""

from typing import Any

import pytest

from tfland.config import TrainingConfig
from tfland.training.timetable import Timetable


def timetable(num_records: int, **training: Any) -> Timetable:
    return Timetable(TrainingConfig(model_dir="m", batch_size=4, **training), num_records)


def stops(table: Timetable) -> list[int]:
    found = [0]
    while found[-1] < table.num_steps:
        found.append(table.next_stop(found[-1]))
        assert found[-1] > found[-2]
    return found[1:]


def test_epochs_that_do_not_end_with_a_batch() -> None:
    table = timetable(10, epochs=3)
    # 2.5 steps an epoch.
    assert table.num_steps == 8
    assert [step for step in range(1, 9) if table.ends_period(step)] == [3, 5, 8]
    assert [table.epoch(step) for step in (3, 5, 8)] == [1, 2, 3]
    assert stops(table) == [3, 5, 8]


def test_a_batch_larger_than_the_data_set() -> None:
    table = timetable(3, epochs=3)
    assert table.num_steps == 3
    assert stops(table) == [1, 2, 3]
    assert [table.epoch(step) for step in (1, 2, 3)] == [1, 2, 3]


def test_a_run_by_steps_ends_within_an_epoch() -> None:
    table = timetable(10, steps=7)
    assert stops(table) == [3, 5, 7]
    assert [table.epoch(step) for step in (3, 5, 7)] == [1, 2, 2.8]
    assert table.validates(7)


def test_validation_by_epochs() -> None:
    table = timetable(8, epochs=5, validate_every_epochs=2)
    assert [step for step in (2, 4, 6, 8, 10) if table.validates(step)] == [4, 8, 10]


def test_validation_by_steps_makes_the_periods() -> None:
    table = timetable(8, steps=8, validate_every_steps=3)
    assert stops(table) == [3, 6, 8]
    assert [step for step in range(1, 9) if table.ends_period(step)] == [3, 6, 8]
    assert all(table.validates(step) for step in (3, 6, 8))
    assert table.epoch(3) == 1.5


def test_checkpoints_and_alarms() -> None:
    table = timetable(40, epochs=1, checkpoint_every_steps=4, not_learning_steps=6)
    assert stops(table) == [4, 6, 8, 10]
    assert [step for step in range(1, 11) if table.saves(step)] == [4, 8, 10]
    assert [step for step in range(1, 11) if table.judges(step)] == [6]
    assert not any(timetable(40, not_learning_steps=0).judges(step) for step in range(1, 11))


@pytest.mark.parametrize("num_records", [1, 3, 4, 5, 17])
def test_every_epoch_ends_once(num_records: int) -> None:
    table = timetable(num_records, epochs=7)
    ends = [step for step in range(1, table.num_steps + 1) if table.ends_period(step)]
    assert ends[-1] == table.num_steps
    assert table.epoch(ends[-1]) == 7

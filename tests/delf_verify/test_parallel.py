import os
import time
from functools import partial

import pytest

from delf_verify.parallel import ordered_map


def square(number: int) -> int:
    # Later items finish first: the order must not come from the clock.
    time.sleep(0.02 if number == 0 else 0)
    return number * number


def make_square():
    return square


def die(_: int) -> None:
    os._exit(9)


def make_die():
    return die


@pytest.mark.slow
def test_results_come_in_the_order_of_the_items() -> None:
    for workers in (1, 2):
        with ordered_map(make_square, range(20), workers=workers) as results:
            assert list(results) == [number * number for number in range(20)]


@pytest.mark.slow
def test_a_dead_worker_is_said() -> None:
    with pytest.raises(RuntimeError, match="a worker process died"), ordered_map(make_die, [1], workers=2) as results:
        list(results)


def test_one_worker_works_here() -> None:
    seen: list[int] = []
    with ordered_map(partial(lambda: seen.append), [1, 2], workers=1) as results:
        list(results)
    assert seen == [1, 2]


def test_no_workers() -> None:
    with pytest.raises(ValueError, match="workers=0: give at least 1"), ordered_map(make_square, [], workers=0):
        pass

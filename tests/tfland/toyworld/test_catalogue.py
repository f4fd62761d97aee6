import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfland.toyworld.catalogue import (
    TEST,
    VALIDATION,
    class_sizes,
    image_id,
    landmark_ids,
    landmark_names,
    plan,
    query_shots,
)
from tfland.toyworld.config import ToyworldConfig


@given(st.integers(2, 200), st.integers(0, 5000))
def test_class_sizes_add_up_and_none_is_below_four(landmarks: int, spare: int) -> None:
    sizes = class_sizes(ToyworldConfig(landmarks=landmarks, images=4 * landmarks + spare))
    assert sizes.sum() == 4 * landmarks + spare
    assert sizes.min() == 4 or spare >= landmarks
    assert sizes.min() >= 4


def test_class_sizes_have_a_long_tail() -> None:
    sizes = np.sort(class_sizes(ToyworldConfig(landmarks=30, images=1000)))[::-1]
    # Zipf with an offset: extra photographs go with 1/rank - 1/30.
    weights = 1 / np.arange(1, 31) - 1 / 30
    np.testing.assert_allclose(sizes, 4 + 880 * weights / weights.sum(), atol=1)
    assert sizes[-1] == 4
    assert sizes[0] > 15 * np.median(sizes)


def test_landmark_ids_are_unique_and_have_gaps() -> None:
    ids = landmark_ids(ToyworldConfig())
    assert ids == sorted(set(ids))
    assert len(ids) == 30
    assert min(np.diff(ids)) >= 1
    assert max(np.diff(ids)) > 1
    assert 0 <= ids[0] < ids[-1] < 203_094


def test_names_are_unique_and_readable() -> None:
    names = landmark_names(ToyworldConfig(landmarks=500, images=2000))
    assert len(set(names)) == 500
    assert all(re.fullmatch(r"[A-Z][a-z]+ [A-Z][A-Za-z ]+( \(\d+\))?", name) for name in names)


def test_image_ids_are_sixteen_hexadecimal_digits() -> None:
    ids = {image_id(seed, split, n) for seed in (1, 2) for split in ("train", "test") for n in range(200)}
    assert len(ids) == 800
    assert all(re.fullmatch(r"[0-9a-f]{16}", item) for item in ids)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_distractors_have_their_share_and_come_in_two_kinds(share: float) -> None:
    config = ToyworldConfig(queries=200, distractor_share=share)
    for split, total in ((TEST, 200), (VALIDATION, 100)):
        shots = query_shots(config, split)
        none = [shot for shot in shots if not shot.group]
        unknown = [shot for shot in shots if shot.group and not shot.shows_landmark]
        assert len(shots) == total
        assert len(none) + len(unknown) == round(total * share)
        assert abs(len(none) - len(unknown)) <= 1
        assert {shot.number for shot in shots} == set(range(total))


def test_validation_and_test_have_unknown_buildings_of_their_own() -> None:
    shots = plan(ToyworldConfig())
    groups = {
        split: {shot.group for shot in shots[split] if shot.group and not shot.shows_landmark}
        for split in (TEST, VALIDATION)
    }
    assert groups[TEST] and groups[VALIDATION]
    assert not groups[TEST] & groups[VALIDATION]


def test_frequent_landmarks_are_asked_for_more_often_but_rare_ones_too() -> None:
    config = ToyworldConfig(landmarks=10, images=1000, queries=2000, distractor_share=0.0)
    asked = np.bincount([shot.building for shot in query_shots(config, TEST)], minlength=10)
    sizes = class_sizes(config)
    assert asked[sizes.argmax()] == asked.max()
    assert asked.min() > 10
    assert asked.max() / asked.sum() < sizes.max() / sizes.sum()


def test_another_seed_is_another_world() -> None:
    one, two = (plan(ToyworldConfig(seed=seed)) for seed in (1, 2))
    assert not {shot.image_id for shot in one["train"]} & {shot.image_id for shot in two["train"]}
    assert landmark_ids(ToyworldConfig(seed=1)) != landmark_ids(ToyworldConfig(seed=2))


def test_a_photograph_does_not_depend_on_how_many_there_are() -> None:
    few, many = ToyworldConfig(queries=10), dataclasses.replace(ToyworldConfig(), queries=100)
    assert query_shots(few, TEST)[3].image_id == query_shots(many, TEST)[3].image_id

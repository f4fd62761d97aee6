import pytest

from tfland.toyworld.config import ToyworldConfig, stream


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("landmarks", 1, r"landmarks is 1: give at least 2"),
        ("images", 119, r"images is 119: give at least 120 \(4 a landmark\)"),
        ("queries", 0, r"queries is 0: give at least 1"),
        ("size", 31, r"size is 31: give at least 32 and at most 2048"),
        ("size", 2049, r"size is 2049"),
        ("seed", -1, r"seed is -1: give at least 0"),
        ("distractor_share", 1.01, r"distractor_share is a share of the queries: give 0 to 1, not 1.01"),
        ("distractor_share", float("nan"), r"distractor_share .* not nan"),
    ],
)
def test_bad_settings_are_refused(field: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToyworldConfig(**{field: value})


def test_validation_has_half_as_many_queries() -> None:
    assert ToyworldConfig(queries=300).validation_queries == 150
    assert ToyworldConfig(queries=1).validation_queries == 1


def test_streams_depend_on_their_keys_alone() -> None:
    first = stream(7, "train", 3).random(4)
    stream(7, "train", 4).random(100)
    assert (stream(7, "train", 3).random(4) == first).all()
    assert (stream(7, "test", 3).random(4) != first).all()
    # A number that must never change: toyworlds made by other versions would not be continued.
    assert stream(7, "train", 3).integers(0, 1 << 30) == 140190906

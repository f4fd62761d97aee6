"""Every setting of the `data` section is refused with its name, its value and what to do."""

from typing import Any

import pytest

from tfland.config import DataConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"evaluation_size": (16, 64)}, r"data.evaluation_size is 16; .* at least 32"),
        ({"evaluation_size": (64, 80), "resize": "longest_side"}, r"data.evaluation_size is \(64, 80\); .*squares"),
        ({"resize": "longest_side", "crop": "shift"}, r"data.crop is 'shift'; resize .longest_side. takes"),
        ({"shift_pixels_x": -1, "crop": "random"}, r"data.shift_pixels_x is -1"),
        ({"shift_pixels_x": 3, "crop": "shift"}, r"data.shift_pixels_x is 3; only resize .exact. with crop .random."),
        ({"rand_augment_ops": 5}, r"data.rand_augment_ops is 5; .* at most 4"),
        ({"rand_augment_magnitude": 10.5}, r"data.rand_augment_magnitude is 10.5; .* at most 10"),
        ({"erase_probability": 1.1}, r"data.erase_probability is 1.1"),
        ({"mixup_alpha": 0.01}, r"data.mixup_alpha is 0.01; .* at least 0.05"),
        ({"cutmix_alpha": -1.0}, r"data.cutmix_alpha is -1.0"),
        ({"rare_images": -1}, r"data.rare_images is -1"),
        ({"rare_strength": 0.5}, r"data.rare_strength is 0.5; .* at least 1"),
        ({"bad_record_budget": -1}, r"data.bad_record_budget is -1"),
    ],
)
def test_a_bad_value_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataConfig(shards="s", **values)


def test_photographs_are_as_large_in_inference_as_in_training_unless_told_otherwise() -> None:
    assert DataConfig(shards="s", image_size=64).inference_size == (64, 64)
    assert DataConfig(shards="s", image_size=64, evaluation_size=(80, 96)).inference_size == (80, 96)


def test_mixing_means_two_labels() -> None:
    assert not DataConfig(shards="s").mixes
    assert DataConfig(shards="s", mixup_alpha=0.2).mixes
    assert DataConfig(shards="s", cutmix_alpha=1.0).mixes

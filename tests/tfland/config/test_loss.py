"""Settings of the loss: refused with name, value and what to do; the scale by head."""

from typing import Any

import pytest

from tfland.config import LossConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scale": 0.0}, r"loss.scale is 0.0; give a number above 0"),
        ({"class_margins": "by_size", "margin_min": 0.4}, r"loss.margin_min is 0.4; .* at most 0.3"),
        ({"class_margins": "by_size", "margin_min": -0.1}, r"loss.margin_min is -0.1; .* at least 0"),
        ({"margin_exponent": 0.0}, r"loss.margin_exponent is 0.0; give a number above 0"),
        ({"ldam_margin": -0.5}, r"loss.ldam_margin is -0.5; .* at least 0"),
        ({"focal_gamma": -1.0}, r"loss.focal_gamma is -1.0; .* at least 0"),
        ({"focal_gamma": float("inf")}, r"loss.focal_gamma is inf"),
        (
            {"focal_gamma": 2.0, "label_smoothing": 0.1},
            r"loss.label_smoothing is 0.1; loss.focal_gamma goes without it",
        ),
        ({"class_weights_from_epoch": -1.0}, r"loss.class_weights_from_epoch is -1.0"),
        ({"effective_number_beta": 1.0}, r"loss.effective_number_beta is 1.0; .* below 1"),
    ],
)
def test_a_bad_value_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossConfig(**values)


def test_the_smallest_margin_is_looked_at_only_where_it_counts() -> None:
    assert LossConfig(name="arcface", margin=0.0).margin == 0


@pytest.mark.parametrize(("name", "scale"), [("softmax", 1.0), ("arcface", 45.0), ("ldam", 1.0)])
def test_alone_a_loss_has_the_scale_of_its_usual_head(name: Any, scale: float) -> None:
    assert LossConfig(name=name).logit_scale == scale


def test_a_scale_that_was_given_stays_except_on_a_plain_softmax() -> None:
    assert LossConfig(name="ldam", scale=7.0).for_head("linear").logit_scale == 7
    assert LossConfig(name="softmax", scale=7.0).for_head("cosine").logit_scale == 7
    assert LossConfig(name="softmax", scale=45.0).for_head("linear").logit_scale == 1

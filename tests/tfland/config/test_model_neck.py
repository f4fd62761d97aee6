"""Settings of pooling, neck and head: refused with name, value and what to do."""

from typing import Any

import pytest

from tfland.config import ModelConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"neck_dropout": 1.0, "embedding_size": 8}, r"model.neck_dropout is 1.0; .* below 1"),
        ({"neck_dropout": 0.3}, r"model.neck_dropout is 0.3; without a neck there is none; set model.embedding_size"),
    ],
)
def test_a_bad_value_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig(**values)

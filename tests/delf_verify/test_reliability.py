"""The reliability table by hand."""

from pathlib import Path

import numpy as np
import pytest

from delf_verify.reliability import draw_reliability, expected_calibration_error, reliability_table


def test_the_table_by_hand(tmp_path: Path) -> None:
    confidences = np.array([0.05, 0.15, 0.15, 1.0, 0.95])
    table = reliability_table(confidences, np.array([False, True, False, True, True]))
    assert table["low"].tolist() == [0.0, 0.1, 0.9]
    assert table["predictions"].tolist() == [1, 2, 2]
    assert table["confidence"].tolist() == pytest.approx([0.05, 0.15, 0.975])
    assert table["right"].tolist() == [0.0, 0.5, 1.0]
    assert expected_calibration_error(table) == pytest.approx((0.05 + 2 * 0.35 + 2 * 0.025) / 5)
    draw_reliability(tmp_path / "a.png", {"before": table, "after": table})
    draw_reliability(tmp_path / "b.png", {"before": table, "after": table})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_no_predictions() -> None:
    table = reliability_table(np.array([]), np.array([], bool))
    assert len(table) == 0
    assert expected_calibration_error(table) == 0.0


@pytest.mark.parametrize("bad", [-0.1, 1.2, np.nan])
def test_only_probabilities_can_be_reliable(bad: float) -> None:
    with pytest.raises(ValueError, match="only probabilities"):
        reliability_table(np.array([0.5, bad]), np.array([True, False]))

import numpy as np
import pytest

from delf_verify.half_precision import from_half, is_finite, to_half

EVERY = np.arange(65536, dtype=np.uint16).view(np.float16)
FINITE = EVERY[np.isfinite(EVERY)]


def test_every_number_there_is_becomes_itself() -> None:
    found = from_half(FINITE)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, FINITE.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(FINITE))


def test_rows_of_a_table_are_read_in_place() -> None:
    rows = np.zeros(5, np.dtype([("other", "<f4"), ("descriptor", "<f2", (6,))]))
    rows["descriptor"] = FINITE[:30].reshape(5, 6)
    found = from_half(rows["descriptor"])
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, rows["descriptor"].astype(np.float32))
    assert from_half(np.zeros((0, 40), np.float16)).shape == (0, 40)


def test_the_nearest_number_is_taken() -> None:
    numbers = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    found = to_half(numbers)
    # The two neighbours of each are not nearer.
    error = np.abs(found.astype(np.float64) - numbers)
    for side in (-np.inf, np.inf):
        other = np.nextafter(found, np.float16(side)).astype(np.float64)
        assert (error <= np.abs(other - numbers)).all()


@pytest.mark.parametrize("number", [65520.0, -1e9])
def test_numbers_beyond_its_range_are_refused(number: float) -> None:
    assert to_half(np.float32([65519])) == 65504
    with pytest.raises(ValueError, match="float16 holds numbers below 65520, got one of"):
        to_half(np.float32([0, number]))


def test_what_is_finite() -> None:
    assert [is_finite(EVERY[i : i + 1]) for i in range(65536)] == np.isfinite(EVERY).tolist()
    assert is_finite(np.zeros((0, 8), np.float16))

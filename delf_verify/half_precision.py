"""Descriptors as float16: what a feature store keeps. A unit vector moves by at most 2^-11 = 0.0005 of its length."""

import numpy as np
from numpy.typing import NDArray

_EXPONENT = np.uint16(0x7C00)
# The bits of a float16 that is shifted into a float32's place and sign-extended: three copies of the sign to clear.
_COPIES = np.int32(0x70000000)
_SHIFT = 13
# float16 counts its exponents from -15, float32 from -127.
_SCALE = np.float32(2.0**112)


def to_half(array: NDArray[np.float32]) -> NDArray[np.float16]:
    """The nearest float16 of every number, ties to even.

    Args:
        array: float32, of any shape, finite.

    Raises:
        ValueError: a number is 65520 or more, which float16 cannot hold.
    """
    with np.errstate(over="ignore"):
        half = array.astype("<f2")
    if not is_finite(half):
        raise ValueError(f"float16 holds numbers below 65520, got one of {np.abs(array).max():g}: scale to unit length")
    return half


def from_half(half: NDArray[np.float16]) -> NDArray[np.float32]:
    """The same numbers as float32, C-contiguous.

    By integer arithmetic on the bits: NumPy's own conversion takes eight times as long where it does not use the
    processor's instruction for it, and is what reading 4096 SIFT features would wait for.

    Args:
        half: [..., D] finite float16, D numbers in one piece.
    """
    bits = half.view(np.int16).astype(np.int32, order="C")
    bits <<= _SHIFT
    bits &= ~_COPIES
    numbers = bits.view(np.float32)
    numbers *= _SCALE
    return numbers


def is_finite(half: NDArray[np.float16]) -> bool:
    """Whether no number is NaN or infinite; quicker than np.isfinite."""
    return not half.size or bool((half.view(np.uint16) & _EXPONENT).max() < _EXPONENT)

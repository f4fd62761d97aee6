"""The alphabetical rank of many short texts, without comparing texts."""

import numpy as np

_WORD_BYTES = 8
_END = "\0"


def rank_texts(texts: np.ndarray) -> np.ndarray:
    """Returns [N] uint64: each text's place among the different ones, sorted by code point; equal texts share theirs.

    Texts are read as big-endian 64-bit numbers, eight bytes at a time, until they are told apart: for the ids of a
    challenge the first eight bytes do it, and sorting numbers takes a tenth of the time of sorting texts.

    Args:
        texts: [N] str, none with a zero character; N below 2^32.
    """
    names = np.asarray(texts).tolist()
    if not names:
        return np.zeros(0, np.uint64)
    characters = _padded(names)
    width = characters.shape[1] // _WORD_BYTES
    words = np.ascontiguousarray(characters).view(">u8").reshape(len(names), width)
    ranks = _dense(words[:, 0].astype(np.uint64))
    for place in range(1, width):
        if int(ranks.max()) == len(names) - 1:
            break
        ranks = _dense((ranks << np.uint64(32)) | _dense(words[:, place].astype(np.uint64)))
    return ranks


def _padded(names: list[str]) -> np.ndarray:
    """Returns [N, bytes] uint8, the texts in UTF-8 (whose order is that of code points), zeros behind them."""
    # Texts of one length, as a challenge's ids are, lie evenly in one long text: five times as fast as one by one.
    joined = np.frombuffer((_END.join(names) + _END).encode(), np.uint8)
    length, rest = divmod(len(joined), len(names))
    if rest == 0:
        table = joined.reshape(len(names), length)
        if not table[:, -1].any() and table[:, :-1].all():
            wide = np.zeros((len(names), -(-max(length - 1, 1) // _WORD_BYTES) * _WORD_BYTES), np.uint8)
            wide[:, : length - 1] = table[:, :-1]
            return wide
    encoded = np.array([name.encode() for name in names], dtype=np.bytes_)
    width = -(-encoded.dtype.itemsize // _WORD_BYTES) * _WORD_BYTES
    return encoded.astype(f"S{width}").view(np.uint8).reshape(len(names), width)


def _dense(numbers: np.ndarray) -> np.ndarray:
    """Returns [N] uint64: the place of each number among the different ones."""
    order = np.argsort(numbers)
    ordered = numbers[order]
    ranks = np.empty(len(numbers), np.uint64)
    ranks[order] = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])]).astype(np.uint64)
    return ranks

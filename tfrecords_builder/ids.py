"""Ids of photographs: which are safe, and numbers derived from them that never change.

Ids become paths, and an image's split, shard and place in the shard follow from its id and the seed alone. Python's
own hash() differs between processes, and a random generator would make one row depend on the rows before it.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

MAX_ID_LENGTH = 128
# No separator, no leading dot or dash, nothing that a file system could read as something other than a name.
ID_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]+)*"

_ID = re.compile(ID_PATTERN)
_HASH_BYTES = 8
# With more bits for the group, too few of a 64-bit key are left to tell millions of ids apart.
_GROUP_BITS = 24


def validate_id(text: str) -> str:
    """Returns `text` if it may be the id of a photograph, which becomes a file name.

    Raises:
        ValueError: it could lead elsewhere, such as "../../etc/passwd".
    """
    if len(text) > MAX_ID_LENGTH or not _ID.fullmatch(text):
        raise ValueError(bad_id_message(text))
    return text


def bad_id_message(text: object) -> str:
    """Returns the message for an id that may not be used."""
    return (
        f"id {str(text)[:200]!r} cannot be a file name: use ASCII letters, digits, '_', '-' and single inner dots, "
        f"at most {MAX_ID_LENGTH}"
    )


def hash_ids(ids: Iterable[str], seed: int, purpose: str) -> np.ndarray:
    """Returns a pseudo-random number for each id: uint64 [N], evenly distributed.

    Args:
        ids: the photographs.
        seed: of the build.
        purpose: what the numbers decide, such as "shard"; other purposes get independent numbers.
    """
    salt = blake2b(f"{seed}/{purpose}".encode(), digest_size=blake2b.SALT_SIZE).digest()
    salted = blake2b(digest_size=_HASH_BYTES, salt=salt)
    digests = []
    for text in ids:
        # A copy takes half the time of a new one with its arguments.
        state = salted.copy()
        state.update(text.encode())
        digests.append(state.digest())
    return np.frombuffer(b"".join(digests), dtype="<u8")


def shuffled_order(ids: Sequence[str], groups: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """Returns the row numbers sorted by group and shuffled within each: int64 [N].

    The order of a group's ids does not depend on the order of the rows.

    Args:
        ids: the photographs.
        groups: what to sort by first, [N].
        seed: of the build.
        purpose: see `hash_ids`.
    """
    numbers = hash_ids(ids, seed, purpose)
    order = _order_by_one_key(numbers, groups)
    if order is not None:
        return order
    order = np.lexsort((numbers, groups))
    if np.any(np.diff(numbers[order]) == 0):
        # Two ids of one number, once in a million builds of GLDv2's size: the ids decide. Sorting text costs seconds.
        order = np.lexsort((np.asarray(ids, dtype=str), numbers, groups))
    return order


def _order_by_one_key(numbers: np.ndarray, groups: np.ndarray) -> np.ndarray | None:
    """Returns the rows by group, then number, from one sort of 64-bit keys: six times as fast; None if it cannot tell.

    Args:
        numbers: uint64 [N].
        groups: [N].
    """
    if not len(groups) or not np.issubdtype(groups.dtype, np.integer):
        return None
    first = int(groups.min())
    bits = (int(groups.max()) - first).bit_length()
    if bits > _GROUP_BITS:
        return None
    # A group's low bits are shifted out of the numbers: where that makes two keys equal, the whole numbers decide.
    offset = (groups.astype(np.int64) - first).astype(np.uint64)
    keys = (numbers >> np.uint64(bits)) | (offset << np.uint64(64 - bits)) if bits else numbers
    order = np.argsort(keys)
    ordered = keys[order]
    return None if np.any(ordered[1:] == ordered[:-1]) else order

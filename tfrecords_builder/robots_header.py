"""The header X-Robots-Tag: whether a server lets its photographs be used to train models."""

from collections.abc import Iterable

# What DeviantArt introduced and img2dataset honours.
_NO_TRAINING = frozenset({"noai", "noimageai"})
_OUR_NAME = "tfland"


def forbids_training(values: Iterable[str]) -> str | None:
    """Returns the directive that forbids the use, or None.

    Args:
        values: of every X-Robots-Tag header of a response, such as "noai" or "otherbot: noindex, noai". A name in
            front of directives addresses that robot alone; what addresses nobody addresses everybody.
    """
    for value in values:
        for_us = True
        for part in value.lower().split(","):
            name, colon, directive = part.partition(":")
            if colon:
                for_us = name.strip() in (_OUR_NAME, "*")
            found = (directive if colon else part).strip()
            if for_us and found in _NO_TRAINING:
                return found
    return None

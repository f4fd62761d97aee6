"""Which solid is painted before which (painter's algorithm for solids with boxes of their own)."""

from collections.abc import Sequence

import numpy as np

from tfland.toyworld.solids import Solid


def painting_order(solids: Sequence[Solid], position: np.ndarray) -> list[int]:
    """Order in which solids hide one another rightly, farthest first.

    Two boxes that do not overlap have a plane between them, and what is on the camera's side of it cannot be hidden
    by what is beyond. Boxes that overlap a little are parted where they overlap least.

    Args:
        solids: convex, or ordered inside, like those of `solids.py`.
        position: [3] float, camera position in metres.

    Returns:
        Indices into `solids`. Where no order is right (a cycle), the farther solid comes first.
    """
    before = _must_precede(solids, position)
    centres = np.stack([(item.low + item.high) / 2 for item in solids])
    distances = np.linalg.norm(centres - position, axis=1)
    waiting = before.sum(axis=0).astype(float)
    order: list[int] = []
    for _ in solids:
        # Fewest unpainted predecessors first (none, unless there is a cycle); among those, the farthest.
        chosen = int(np.lexsort((-distances, waiting))[0])
        order.append(chosen)
        waiting -= before[chosen]
        waiting[chosen] = np.inf
    return order


def _must_precede(solids: Sequence[Solid], position: np.ndarray) -> np.ndarray:
    """[N, N] bool: entry (i, j) says that j may hide i, so that i is painted before j."""
    low = np.stack([item.low for item in solids])
    high = np.stack([item.high for item in solids])
    # gaps[i, j, axis]: how far i ends before j begins along the axis; negative where it does not.
    gaps = low[None, :, :] - high[:, None, :]
    widest = np.maximum(gaps, gaps.transpose(1, 0, 2)).max(axis=2)
    parted = gaps >= np.minimum(widest, 0.0)[:, :, None]
    middle = (low[None, :, :] + high[:, None, :]) / 2
    # Seen from beyond the end of i, along an axis on which i ends before j begins, i hides nothing of j ...
    beyond = parted & (position >= np.where(gaps >= 0, high[:, None, :], middle))
    # ... and seen from before the beginning of j, j hides nothing of i.
    short_of = parted & (position <= np.where(gaps >= 0, low[None, :, :], middle))
    cannot_hide = beyond.any(axis=2) | short_of.any(axis=2).T
    return cannot_hide & ~cannot_hide.T

"""Which solid is painted before which (painter's algorithm for solids with boxes of their own)."""

from collections.abc import Sequence

import numpy as np

from tfland.toyworld.solids import Solid


def painting_order(solids: Sequence[Solid], position: np.ndarray) -> list[int]:
    """Order in which solids hide one another rightly, farthest first.

    Two boxes that do not overlap have a plane between them, and the one on the camera's side of it can never be
    hidden by the other. Boxes that overlap a little are parted where they overlap least.

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
    """[N, N] bool: entry (i, j) says that i is painted before j."""
    low = np.stack([item.low for item in solids])
    high = np.stack([item.high for item in solids])
    # gaps[axis, i, j]: how far i ends before j begins along the axis; negative where they overlap.
    gaps = (low[None, :, :] - high[:, None, :]).transpose(2, 0, 1)
    both = np.concatenate([gaps, gaps.transpose(0, 2, 1)])
    axis = both.argmax(axis=0)
    i, j = np.indices(axis.shape)
    ends, begins = high[i, axis % 3], low[j, axis % 3]
    swapped = axis >= 3
    plane = np.where(swapped, high[j, axis % 3] + low[i, axis % 3], ends + begins) / 2
    camera_beyond = position[axis % 3] > plane
    before = np.where(swapped, ~camera_beyond, camera_beyond)
    np.fill_diagonal(before, False)
    return before & ~(before.T & before)

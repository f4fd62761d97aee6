"""Greedy non-maximum suppression of boxes."""

import numpy as np
from numpy.typing import NDArray

# Boxes that are compared at once. Larger blocks compare more boxes in vain, smaller ones take more steps.
_BLOCK = 64


def greedy_nms(
    boxes: NDArray[np.floating], scores: NDArray[np.floating], *, max_iou: float, max_boxes: int
) -> NDArray[np.int64]:
    """The strongest boxes, none of which overlaps a stronger kept one by more than `max_iou`.

    Goes through the boxes from the best on, a block at a time: those of a block that overlap a box kept before are
    dropped at once, the rest are compared among each other. It ends when `max_boxes` are kept, since what comes after
    cannot change them; the result is exact.

    Args:
        boxes: [N, 4] float (ymin, xmin, ymax, xmax), edges in pixels.
        scores: [N] float, higher is better; equal scores keep their order.
        max_iou: intersection over union, in [0, 1]; at 1 nothing is suppressed.
        max_boxes: how many boxes to keep at most.

    Returns:
        [K] int64 rows of `boxes`, best first.
    """
    order = np.argsort(-scores, kind="stable")
    if max_iou >= 1:
        return order[:max_boxes]
    sides = np.asarray(boxes[order], dtype=np.float64)
    kept = np.zeros(0, dtype=np.int64)
    for start in range(0, len(order), _BLOCK):
        if len(kept) >= max_boxes:
            break
        block = np.arange(start, min(start + _BLOCK, len(order)))
        block = block[(_iou(sides[block], sides[kept]) <= max_iou).all(axis=1)]
        kept = np.concatenate([kept, block[_greedy(_iou(sides[block], sides[block]) <= max_iou)]])
    return order[kept[:max_boxes]]


def _greedy(together: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of N boxes, best first, are kept, from [N, N]: may two of them be kept together."""
    kept = np.ones(len(together), dtype=bool)
    for row in range(len(together)):
        if kept[row]:
            kept[row + 1 :] &= together[row, row + 1 :]
    return kept


def _iou(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union [N, M] of boxes [N, 4] with boxes [M, 4]."""
    top, left, bottom, right = (boxes[:, None, side] for side in range(4))
    other_top, other_left, other_bottom, other_right = (others[None, :, side] for side in range(4))
    height = np.minimum(bottom, other_bottom) - np.maximum(top, other_top)
    width = np.minimum(right, other_right) - np.maximum(left, other_left)
    intersection = np.maximum(height, 0) * np.maximum(width, 0)
    union = (bottom - top) * (right - left) + (other_bottom - other_top) * (other_right - other_left) - intersection
    return intersection / union

"""Greedy non-maximum suppression of boxes."""

import numpy as np
from numpy.typing import NDArray


def greedy_nms(
    boxes: NDArray[np.floating], scores: NDArray[np.floating], *, max_iou: float, max_boxes: int
) -> NDArray[np.int64]:
    """The strongest boxes, none of which overlaps a stronger kept one by more than `max_iou`.

    Takes the best box that is left, drops those that overlap it by more, and goes on until `max_boxes` are kept:
    what comes after that cannot change them, so the result is exact at a cost of max_boxes · N.

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
    # Columns, so that each step of the loop reads four short contiguous arrays.
    sides = np.ascontiguousarray(boxes[order].T, dtype=np.float64)
    areas = (sides[2] - sides[0]) * (sides[3] - sides[1])
    kept: list[int] = []
    while len(order) and len(kept) < max_boxes:
        kept.append(int(order[0]))
        survivors = _iou_with_first(sides, areas) <= max_iou
        survivors[0] = False
        order, sides, areas = order[survivors], sides[:, survivors], areas[survivors]
    return np.asarray(kept, dtype=np.int64)


def _iou_with_first(sides: NDArray[np.float64], areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Overlap of column 0 of `sides` [4, N] with every column; [N] float64."""
    height = np.minimum(sides[2], sides[2, 0]) - np.maximum(sides[0], sides[0, 0])
    width = np.minimum(sides[3], sides[3, 0]) - np.maximum(sides[1], sides[1, 0])
    intersection = np.maximum(height, 0) * np.maximum(width, 0)
    return intersection / (areas + areas[0] - intersection)

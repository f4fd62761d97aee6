"""Greedy NMS against the textbook's double loop."""

import numpy as np
import pytest

from delf_verify.nms import _BLOCK, greedy_nms


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    inside = max(height, 0) * max(width, 0)
    return inside / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside)


def slow_nms(boxes: np.ndarray, scores: np.ndarray, max_iou: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(slow_iou(boxes[index], boxes[other]) <= max_iou for other in kept):
            kept.append(index)
    return kept


def random_boxes(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-20, 80, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 60, (count, 2))], axis=1)
    return boxes, rng.integers(0, 12, count).astype(np.float32)  # many ties


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_iou", [0.05, 0.3, 0.7, 0.95])
def test_matches_the_double_loop(seed: int, max_iou: float) -> None:
    """Also beyond the first of the blocks that are compared at once."""
    boxes, scores = random_boxes(seed, count=_BLOCK * 3 + 5)
    expected = slow_nms(boxes, scores, max_iou)
    assert greedy_nms(boxes, scores, max_iou=max_iou, max_boxes=1000).tolist() == expected
    # Stopping early keeps the same first ones.
    assert greedy_nms(boxes, scores, max_iou=max_iou, max_boxes=7).tolist() == expected[:7]


def test_at_one_it_only_sorts() -> None:
    boxes, scores = random_boxes(0)
    boxes[:] = boxes[0]
    kept = greedy_nms(boxes, scores, max_iou=1.0, max_boxes=60)
    assert kept.tolist() == sorted(range(60), key=lambda i: (-scores[i], i))


def test_equal_boxes_leave_the_first_of_the_best() -> None:
    boxes = np.tile([0.0, 0.0, 10.0, 10.0], (4, 1))
    assert greedy_nms(boxes, np.array([1.0, 3.0, 3.0, 2.0]), max_iou=0.9, max_boxes=9).tolist() == [1]


def test_no_boxes_is_no_error() -> None:
    for max_iou in (0.5, 1.0):
        assert len(greedy_nms(np.zeros((0, 4)), np.zeros(0), max_iou=max_iou, max_boxes=9)) == 0


def test_ten_thousand_boxes_take_no_minutes() -> None:
    import time

    boxes, scores = random_boxes(0, 10_000)
    started = time.perf_counter()
    kept = greedy_nms(boxes, scores, max_iou=0.8, max_boxes=1000)
    assert len(kept) == 1000
    assert time.perf_counter() - started < 5  # 10 ms of processor time; the double loop takes minutes

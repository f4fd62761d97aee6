"""The losses in float64, one example at a time, straight from the papers; and finite differences of them."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest


def cross_entropy(label: int, logits: np.ndarray, smoothing: float = 0.0, gamma: float = 0.0) -> float:
    total = sum(math.exp(z - max(logits)) for z in logits)
    logs = [float(z) - float(max(logits)) - math.log(total) for z in logits]
    targets = [(1 - smoothing) * (j == label) + smoothing / len(logits) for j in range(len(logits))]
    loss = -sum(t * lp for t, lp in zip(targets, logs, strict=True))
    return loss * (1 - math.exp(logs[label])) ** gamma if gamma else loss


def arcface(
    label: int,
    cosines: np.ndarray,
    scale: float,
    margin: float,
    *,
    easy: bool = False,
    smoothing: float = 0.0,
    gamma: float = 0.0,
) -> float:
    theta = math.acos(float(np.clip(cosines[label], -1, 1)))
    if easy:
        target = math.cos(theta + margin) if theta < math.pi / 2 else math.cos(theta)
    elif theta + margin <= math.pi:
        target = math.cos(theta + margin)
    else:
        target = math.cos(theta) - math.sin(math.pi - margin) * margin
    logits = scale * cosines.astype(float)
    logits[label] = scale * target
    return cross_entropy(label, logits, smoothing, gamma)


def ldam(
    label: int,
    logits: np.ndarray,
    counts: list[int],
    largest: float,
    scale: float,
    smoothing: float = 0.0,
    gamma: float = 0.0,
) -> float:
    constant = largest * min(counts) ** 0.25
    shifted = logits.astype(float)
    shifted[label] -= constant / counts[label] ** 0.25
    return cross_entropy(label, scale * shifted, smoothing, gamma)


def differences(loss: Callable[[np.ndarray], float], row: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The gradient of one example's loss at its logits, by central differences."""
    unit = np.eye(len(row)) * step
    return np.array([(loss(row + each) - loss(row - each)) / (2 * step) for each in unit])


@pytest.fixture(scope="session")
def slow() -> SimpleNamespace:
    return SimpleNamespace(cross_entropy=cross_entropy, arcface=arcface, ldam=ldam, differences=differences)

"""Scores: Global Average Precision and what belongs to it."""

from tfland.metrics.gap import gap as gap

__all__ = ["gap"]

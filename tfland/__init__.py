"""Landmark recognition: train, recognise, verify and score. See docs/ARCHITECTURE.md."""

"""Local features, geometric matching and the evidence for a predicted landmark."""

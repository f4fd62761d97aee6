"""The whole chain in one command: photographs, shards, training, prediction, verification, scores, report."""

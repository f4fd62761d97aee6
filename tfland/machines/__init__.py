"""What is known of machines without TensorFlow: their GPUs, and the other workers of a run."""

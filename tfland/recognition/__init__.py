"""From a trained model to ranked predictions."""

"""Every dimension of embeddings brought to a normal distribution (seed 001, section 2.4, last paragraph)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.cosine import Floats


@dataclass(frozen=True, kw_only=True)
class QuantileTransform:
    """scikit-learn's `QuantileTransformer(output_distribution="normal")`, fitted.

    Attributes:
        fitted: the transformer.
    """

    fitted: Any

    @classmethod
    def fit(cls, vectors: Floats, seed: int = 0) -> "QuantileTransform":
        """Fits the quantiles of each column of [Q, E]."""
        from sklearn.preprocessing import QuantileTransformer

        count = min(1000, len(vectors))
        transformer = QuantileTransformer(n_quantiles=count, output_distribution="normal", random_state=seed)
        return cls(fitted=transformer.fit(vectors))

    def __call__(self, vectors: Floats) -> NDArray[np.float32]:
        """Returns [N, E] float32."""
        return self.fitted.transform(vectors).astype(np.float32)

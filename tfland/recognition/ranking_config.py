"""Settings of the 2020 winner's ranking (seed 001, sections 2.4 and 2.5)."""

from dataclasses import dataclass

from tfland.recognition.search import AUTO, BLOCK_BYTES, ENGINES

ENSEMBLES = ("concat", "per_model")


@dataclass(frozen=True, kw_only=True)
class RankingConfig:
    """What the ranking does; the defaults are the winner's.

    Attributes:
        quantile: bring every dimension to a normal distribution that is fitted on the queries.
        quantile_seed: draws the queries that are fitted on, where there are more than 10,000.
        index_penalty: steps 2 and 3, B: subtract from each similarity how similar the index photograph is to
            non-landmarks.
        index_neighbors: non-landmarks that B averages over.
        top_index: step 4: photographs of the index whose similarities are summed by landmark.
        query_penalty: step 5, C: subtract from each sum how similar the query is to non-landmarks.
        query_neighbors: non-landmarks that C averages over.
        ensemble: of several models; "concat" puts their embeddings side by side, "per_model" sums the top
            photographs of each.
        engine: of the search; see `tfland.recognition.search`.
        block_bytes: memory of a search beside the embeddings, in bytes.
    """

    quantile: bool = True
    quantile_seed: int = 0
    index_penalty: bool = True
    index_neighbors: int = 5
    top_index: int = 3
    query_penalty: bool = True
    query_neighbors: int = 10
    ensemble: str = "concat"
    engine: str = AUTO
    block_bytes: int = BLOCK_BYTES

    def __post_init__(self) -> None:
        for name in ("index_neighbors", "top_index", "query_neighbors", "block_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"ranking.{name} must be at least 1, got {getattr(self, name)}")
        if self.quantile_seed < 0:
            raise ValueError(f"ranking.quantile_seed must not be negative, got {self.quantile_seed}")
        if self.ensemble not in ENSEMBLES:
            raise ValueError(f"ranking.ensemble must be one of {', '.join(ENSEMBLES)}, got {self.ensemble!r}")
        if self.engine not in (AUTO, *ENGINES):
            raise ValueError(f"ranking.engine must be one of {', '.join((AUTO, *ENGINES))}, got {self.engine!r}")

    @property
    def needs_non_landmarks(self) -> bool:
        """Whether a step compares with non-landmarks."""
        return self.index_penalty or self.query_penalty

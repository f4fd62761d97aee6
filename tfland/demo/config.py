"""What one run of the chain is, read from a YAML file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tfland.toyworld.config import ToyworldConfig

DEFAULT = Path(__file__).parent / "demo.yaml"


@dataclass(frozen=True, kw_only=True)
class ChainConfig:
    """The chain from photographs to a verified score.

    Attributes:
        photographs: folder in the Google-Landmarks-v2 layout (train.csv, test.csv, solution.csv, train/, test/; and
            validation.csv, validation_solution.csv, validation/ if thresholds have queries of their own); null makes
            the toyworld.
        toyworld: settings of the generator, for `photographs: null`.
        held_out: without a validation.csv, the share of each landmark's training photographs that become validation
            queries; thresholds are tuned on them and never on the test queries.
        max_side: longest side of a photograph in the shards, in pixels.
        extractors: local features to verify with; the one that separates validation predictions best is used.
        index_images: photographs of the predicted landmark that a query is compared with, at most.
        residual_px: a match is an inlier if the affine map brings it this close to its partner; 20 in seed 003, less on
            photographs of a few hundred pixels a side.
        min_true_kept: share of right validation predictions that the thresholds must keep.
        seed: reaches every random choice.
        classifier: an experiment as `tfland train` takes it, without data.shards and training.model_dir.
        delf_descriptors: the same for the first stage of DELF.
        delf_attention: the same for its second.
        delf: settings of the extraction, see `delf_verify.extract.DelfConfig`.
    """

    photographs: str | None = None
    toyworld: ToyworldConfig = field(default_factory=ToyworldConfig)
    held_out: float = 0.25
    max_side: int = 512
    extractors: list[Literal["delf", "sift"]] = field(default_factory=lambda: ["delf", "sift"])
    index_images: int = 20
    residual_px: float = 20.0
    min_true_kept: float = 0.95
    seed: int = 7
    classifier: dict[str, Any] = field(default_factory=dict)
    delf_descriptors: dict[str, Any] = field(default_factory=dict)
    delf_attention: dict[str, Any] = field(default_factory=dict)
    delf: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("held_out", self.held_out), ("min_true_kept", self.min_true_kept)):
            if not 0 < value < 1:
                raise ValueError(f"{name} is {value!r}; give a share above 0 and below 1")
        if not self.extractors:
            raise ValueError("extractors is empty; name delf, sift or both")
        for name in ("max_side", "index_images"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; give a whole number of at least 1")


def load_chain(path: Path, *, seed: int | None = None) -> ChainConfig:
    """Reads a chain; `seed`, when given, is stronger than the file's, for the toyworld too.

    Raises:
        ValueError: not YAML, an unknown key, or a value of a wrong type or range.
        OSError: the file is missing.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if "${" in text:
            raise ValueError(f"{path} contains '${{': interpolation is not supported; write the value itself")
        values = yaml.safe_load(text) or {}
        if not isinstance(values, dict):
            raise ValueError(
                f"{path} holds a {type(values).__name__}; a chain is a mapping with the keys of ChainConfig"
            )
        stronger = {} if seed is None else {"seed": seed, "toyworld": {"seed": seed}}
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ChainConfig), values, stronger))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(config, ChainConfig):
        raise TypeError(f"{path} became {type(config).__name__}")
    return config

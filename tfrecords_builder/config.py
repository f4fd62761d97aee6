"""The settings of a build."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrecords_builder.image_limits import DEFAULT_LIMITS, ImageLimits
from tfrecords_builder.label_space import LabelSpace
from tfrecords_builder.resizing import ResizeMode
from tfrecords_builder.schema import MAX_SHARDS
from tfrecords_builder.selection import EVERYTHING, Selection
from tfrecords_builder.settings_tree import from_tree, to_tree
from tfrecords_builder.splits import ONLY_TRAIN, SplitPlan

# Where things lie and how fast they are done; what was read from there is in the build's identity as sha256.
_NOT_SETTINGS = (
    "csv",
    "images",
    "out",
    "labels",
    "split_file",
    "duplicates",
    "attribution",
    "categories",
    "workers",
    "resume",
)


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """What to build, from what, and how.

    Attributes:
        csv: the catalogue, in a form that `catalog.read_photographs` knows.
        images: folder of the photographs.
        out: folder of the shards.
        labels: labels.csv of the build whose classes this one shares; needed where there is no split train. None
            numbers the classes of train by ascending landmark id.
        label_space: what the landmark ids of `csv` are of; index_image_to_landmark.csv is of INDEX.
        attribution: train_attribution.csv, of which the rows of the records become attribution.csv; None for none.
        categories: train_label_to_category.csv, of which the classes' rows become categories.csv; None for none.
        selection: classes to keep.
        splits: parts to divide into.
        split_file: id,split: which photograph is in which part, in place of `splits`.
        duplicates: id,group: near-duplicates, each group of which stays in one part.
        num_shards: files per split. Work is shared out and resumed by shard: take several per worker. 0 leaves the
            number to one of the next two, of which at most one is not 0.
        shard_records: photographs per file, on average at most, refused ones counted.
        shard_bytes: size of a file, on average at most, by a sample of the photographs that is drawn by lot and
            prepared once before the build. What number that gave stands in the manifest's `shard_counts`.
        max_side: to which the side that `resize` names is brought in a record's image, in pixels; 0 keeps the size.
        resize: LONGEST and SHORTEST shrink, in proportion; EXACT gives max_side x max_side, stretched.
        quality: of JPEGs that must be encoded again, 1 to 100. 95 as in the reference pipelines.
        limits: which photographs are refused.
        seed: of splits, of the choice of shard and of the order within.
        workers: processes; it changes the time, never the result.
        resume: keep the finished shards of an earlier run; False builds them again.
    """

    csv: Path
    images: Path
    out: Path
    labels: Path | None = None
    label_space: LabelSpace = LabelSpace.TRAIN
    attribution: Path | None = None
    categories: Path | None = None
    selection: Selection = EVERYTHING
    splits: SplitPlan = ONLY_TRAIN
    split_file: Path | None = None
    duplicates: Path | None = None
    num_shards: int = 8
    shard_records: int = 0
    shard_bytes: int = 0
    max_side: int = 0
    resize: ResizeMode = ResizeMode.LONGEST
    quality: int = 95
    limits: ImageLimits = DEFAULT_LIMITS
    seed: int = 0
    workers: int = 1
    resume: bool = True

    def __post_init__(self) -> None:
        self._check_shards()
        if self.max_side and self.max_side < self.limits.min_side:
            raise ValueError(
                f"max_side={self.max_side} is below min_side={self.limits.min_side}: choose 0 (keep the size) or more"
            )
        if not self.max_side and self.resize is not ResizeMode.LONGEST:
            raise ValueError(f"resize={self.resize.value} needs max_side, its size in pixels")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality={self.quality}: choose 1 to 100")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: must be 0 or more")
        if self.workers < 1:
            raise ValueError(f"workers={self.workers}: must be at least 1")

    def _check_shards(self) -> None:
        targets = {"shard_records": self.shard_records, "shard_bytes": self.shard_bytes}
        given = [f"{name}={value}" for name, value in targets.items() if value]
        if min(targets.values()) < 0 or len(given) > 1:
            raise ValueError(f"{', '.join(given)}: one of them may be above 0, the other is 0")
        if given and self.num_shards:
            raise ValueError(f"num_shards={self.num_shards} and {given[0]}: set one of them, the other to 0")
        if not given and not 1 <= self.num_shards <= MAX_SHARDS:
            raise ValueError(f"num_shards={self.num_shards}: choose 1 to {MAX_SHARDS}, or shard_records or shard_bytes")

    def settings(self) -> dict[str, Any]:
        """Returns what decides the content of the shards, beside the files read: no paths, no workers."""
        return to_tree(self, leave_out=_NOT_SETTINGS)

    @classmethod
    def from_settings(cls, settings: Any, **paths: Any) -> "BuildConfig":
        """Returns the configuration with these `settings()`; `paths` are the fields that they leave out.

        Raises:
            ValueError: the settings are none of this version.
        """
        return from_tree(cls, settings, **paths)

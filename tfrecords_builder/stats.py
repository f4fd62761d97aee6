"""What a build holds, in numbers and as a plot."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.labels import read_labels
from tfrecords_builder.manifest import read_manifest
from tfrecords_builder.schema import LABELS_FILE


@dataclass(frozen=True, kw_only=True)
class SplitStats:
    """One split: its photographs, its files and their size."""

    records: int
    shards: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class BuildStats:
    """A build in numbers.

    Attributes:
        splits: by name.
        class_sizes: training photographs of each class, int64 [C].
        refusals: photographs refused, by reason.
    """

    splits: dict[str, SplitStats]
    class_sizes: np.ndarray
    refusals: dict[str, int]

    def lines(self) -> list[str]:
        """Returns the numbers as lines for a person."""
        lines = [
            f"{name}: {split.records} photographs in {split.shards} shards, {split.size_bytes / 1e6:.1f} MB, "
            f"{split.size_bytes / max(split.records, 1) / 1e3:.1f} kB each"
            for name, split in self.splits.items()
        ]
        if self.class_sizes.size:
            smallest, median, largest = np.percentile(self.class_sizes, [0, 50, 100])
            lines.append(
                f"classes: {self.class_sizes.size}, training photographs of each: smallest {smallest:.0f}, "
                f"median {median:.0f}, mean {self.class_sizes.mean():.1f}, largest {largest:.0f}"
            )
        refused = ", ".join(f"{count} {reason}" for reason, count in self.refusals.items())
        lines.append(f"refused: {refused or 'none'}")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Returns the numbers for `json.dumps`."""
        return {
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "class_sizes": self.class_sizes.tolist(),
            "refusals": self.refusals,
        }


def build_stats(folder: Path | str) -> BuildStats:
    """Returns the numbers of a finished build.

    Raises:
        FileNotFoundError: there is no manifest or no labels.csv.
        ValueError: one of them is damaged.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    splits = {
        name: SplitStats(
            records=manifest.records(name),
            shards=len(manifest.shards_of(name)),
            size_bytes=sum(shard.size_bytes for shard in manifest.shards_of(name)),
        )
        for name in manifest.splits
    }
    return BuildStats(splits=splits, class_sizes=read_labels(folder / LABELS_FILE).images, refusals=manifest.refusals)


def plot_class_sizes(path: Path | str, class_sizes: np.ndarray) -> None:
    """Writes a PNG: how many classes have how many training photographs, both axes logarithmic.

    Args:
        path: the file.
        class_sizes: photographs of each class, int [C].

    Raises:
        ValueError: there is no class with a photograph.
    """
    sizes = class_sizes[class_sizes > 0]
    if not sizes.size:
        raise ValueError("no class has a training photograph: there are no class sizes to plot")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(sizes, bins=_whole_number_bins(sizes), color="#33658a")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.6)  # so that a single class is a bar one can see
    for axis in (axes.xaxis, axes.yaxis):
        first, last = axis.get_view_interval()
        # Over less than two decades powers of ten alone would label one tick or none.
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if last < 100 * first else (1,)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("training photographs of a class")
    axes.set_ylabel("classes")
    axes.set_title(f"{sizes.size:,} classes, {int(sizes.sum()):,} photographs")
    with atomic_write(path, "wb") as file:
        # Without the writer's version equal numbers give equal files.
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})


def _whole_number_bins(sizes: np.ndarray) -> list[float]:
    """Returns edges between whole numbers: narrower bins than one photograph would leave gaps."""
    count = min(40, 8 + sizes.size // 10)  # twelve classes in forty bins would be twelve lines
    edges = np.unique(np.geomspace(sizes.min(), sizes.max() + 1, count + 1).round())
    return (edges - 0.5).tolist()

"""Command-line options of the sizes of images and shards, and how they are read together."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tfrecords_builder.image_limits import ImageLimits
    from tfrecords_builder.resizing import ResizeMode

# Of `BuildConfig`, which is too heavy to import for a help text.
DEFAULT_SHARDS = 8
_UNITS = {"": 1, "B": 1} | {
    f"{prefix}{suffix}": base**power
    for suffix, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate("KMGT", start=1)
}
_BYTES = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z]*)")

_Resize = Annotated[
    str,
    typer.Option(
        help="longest or shortest side (shrinks, in proportion) or exact (SIZE x SIZE, stretched); needs --size.",
        metavar="SIDE",
    ),
]
_MaxSide = Annotated[int, typer.Option(help="The same as --resize longest --size PX; 0 keeps the size.", metavar="PX")]
_MaxAspect = Annotated[
    float, typer.Option(help="Refuse photographs longer than N times their shortest side; 0 takes any.", metavar="N")
]
_NumShards = Annotated[
    int | None,
    typer.Option(help=f"Files of each split, {DEFAULT_SHARDS} if not said; take several per worker.", metavar="N"),
]
_ShardRecords = Annotated[
    int | None, typer.Option(help="In place of --num-shards: photographs in a file, on average at most.", metavar="N")
]
_ShardSize = Annotated[
    str,
    typer.Option(
        help="In place of --num-shards: size of a file such as 200MB or 256MiB, on average at most, by a sample.",
        metavar="SIZE",
    ),
]


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """What becomes of a photograph, and which are refused."""

    max_side: _MaxSide = 0
    resize: _Resize = ""
    size: Annotated[int, typer.Option(help="Of what --resize names, in pixels.", metavar="PX")] = 0
    quality: Annotated[int, typer.Option(help="Of JPEGs that must be encoded again.")] = 95
    max_pixels: Annotated[int, typer.Option(help="Refuse photographs of more pixels.")] = 80_000_000
    min_side: Annotated[int, typer.Option(help="Refuse photographs with a shorter side.", metavar="PX")] = 8
    max_aspect: _MaxAspect = 0.0

    def read_size(self) -> "tuple[int, ResizeMode]":
        """Returns the size in pixels, 0 to keep it, and which side it is of.

        Raises:
            ValueError: the options contradict each other or one is missing.
        """
        from tfrecords_builder.resizing import ResizeMode

        if bool(self.resize) != bool(self.size):
            raise ValueError(
                f"--resize {self.resize or 'none'} --size {self.size}: give both, such as --resize shortest --size 256"
            )
        if not self.resize:
            return self.max_side, ResizeMode.LONGEST
        if self.max_side:
            raise ValueError(f"--max-side {self.max_side} and --resize {self.resize}: give one of them")
        if self.resize not in list(ResizeMode):
            raise ValueError(f"--resize {self.resize!r}: choose {', '.join(ResizeMode)}")
        return self.size, ResizeMode(self.resize)

    def limits(self) -> "ImageLimits":
        """Returns which photographs are refused.

        Raises:
            ValueError: a limit cannot be.
        """
        from tfrecords_builder.image_limits import ImageLimits

        return ImageLimits(max_pixels=self.max_pixels, min_side=self.min_side, max_aspect=self.max_aspect)


@dataclass(frozen=True, kw_only=True)
class ShardOptions:
    """How many shards."""

    num_shards: _NumShards = None
    shard_records: _ShardRecords = None
    shard_size: _ShardSize = ""

    def read(self) -> dict[str, int]:
        """Returns num_shards, shard_records and shard_bytes of a `BuildConfig`, of which one is not 0.

        Raises:
            ValueError: more than one is given, or one of them is 0 or no size.
        """
        given = {
            "--num-shards": self.num_shards,
            "--shard-records": self.shard_records,
            "--shard-size": self.shard_size or None,
        }
        named = [f"{option} {value}" for option, value in given.items() if value is not None]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)}: give one of them")
        if self.shard_records is not None and self.shard_records < 1:
            raise ValueError(f"--shard-records {self.shard_records}: choose 1 or more")
        default = 0 if named else DEFAULT_SHARDS
        return {
            "num_shards": default if self.num_shards is None else self.num_shards,
            "shard_records": self.shard_records or 0,
            "shard_bytes": parse_bytes(self.shard_size) if self.shard_size else 0,
        }


def parse_bytes(text: str) -> int:
    """Returns a size in bytes: 200MB is 200,000,000, 256MiB is 268,435,456; the case of letters does not matter.

    Raises:
        ValueError: it is no size, or 0.
    """
    match = _BYTES.fullmatch(text.strip())
    units = {name.lower(): factor for name, factor in _UNITS.items()}
    if match is None or match[2].lower() not in units or not (size := int(float(match[1]) * units[match[2].lower()])):
        raise ValueError(f"--shard-size {text!r}: expected a number with B, KB, MB, GB, KiB, MiB or GiB, such as 200MB")
    return size

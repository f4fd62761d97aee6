"""Command-line options of an image's size, and how they are read together."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tfrecords_builder.resizing import ResizeMode

Resize = Annotated[
    str,
    typer.Option(
        help="longest or shortest side (shrinks, in proportion) or exact (SIZE x SIZE, stretched); needs --size.",
        metavar="SIDE",
    ),
]
Size = Annotated[int, typer.Option(help="Of what --resize names, in pixels.", metavar="PX")]
MaxSide = Annotated[int, typer.Option(help="The same as --resize longest --size PX; 0 keeps the size.", metavar="PX")]
MaxAspect = Annotated[
    float, typer.Option(help="Refuse photographs longer than N times their shortest side; 0 takes any.", metavar="N")
]


def read_size(max_side: int, resize: str, size: int) -> "tuple[int, ResizeMode]":
    """Returns the size in pixels, 0 to keep it, and which side it is of.

    Raises:
        ValueError: the options contradict each other or one is missing.
    """
    from tfrecords_builder.resizing import ResizeMode

    if bool(resize) != bool(size):
        raise ValueError(f"--resize {resize or 'none'} --size {size}: give both, such as --resize shortest --size 256")
    if not resize:
        return max_side, ResizeMode.LONGEST
    if max_side:
        raise ValueError(f"--max-side {max_side} and --resize {resize}: give one of them")
    if resize not in list(ResizeMode):
        raise ValueError(f"--resize {resize!r}: choose {', '.join(ResizeMode)}")
    return size, ResizeMode(resize)

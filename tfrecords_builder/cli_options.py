"""Command-line options that several commands share, and how their texts are read."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tfrecords_builder.label_space import LabelSpace
    from tfrecords_builder.selection import Selection
    from tfrecords_builder.splits import SplitPlan

Csv = Annotated[Path, typer.Option(help="id,landmark_id | id,url,landmark_id | landmark_id,images | id", metavar="CSV")]
Images = Annotated[Path, typer.Option(help="Photographs at a/b/c/abc….jpg or abc….jpg.", metavar="DIR")]
Seed = Annotated[int, typer.Option(help="Of every random choice.")]
LabelSpaceOption = Annotated[
    str,
    typer.Option(
        help="index for index_image_to_landmark.csv, whose landmark ids mean others than train's.", metavar="SPACE"
    ),
]
_Split = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME for a single split; else NAME=FRACTION such as validation=0.1 (repeat it; the rest is train), "
        "and at most one NAME=class-size (25 % of classes below 10 photographs, 5 % up to 100, 1 % above).",
        metavar="NAME[=…]",
    ),
]
_Landmarks = Annotated[
    str,
    typer.Option(
        help="Keep these landmark ids, separated by commas; or @CSV, a file with a column landmark_id.",
        metavar="A,B,…|@CSV",
    ),
]
_Folds = Annotated[
    int,
    typer.Option(help="K equal parts fold_0, fold_1 …; with --fold I train (the others) and validation.", metavar="K"),
]
_SplitFile = Annotated[
    Path | None, typer.Option(help="id,split: the part of each photograph, in place of --split.", metavar="CSV")
]
_Duplicates = Annotated[
    Path | None,
    typer.Option(help="id,group from `duplicates`: near-duplicates, each group kept in one part.", metavar="CSV"),
]


def _number(help: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=help, metavar="N")
    return option


@dataclass(frozen=True, kw_only=True)
class SelectionOptions:
    """Which classes and photographs to keep."""

    min_images: Annotated[int, _number("Keep classes of at least N photographs; 0 keeps all.")] = 0
    max_images: Annotated[int, _number("Keep classes of at most N photographs; 0 keeps all.")] = 0
    landmark_range: Annotated[str, typer.Option(help="Keep landmark ids from A to B inclusive.", metavar="A-B")] = ""
    landmarks: _Landmarks = ""
    top_classes: Annotated[int, _number("Keep the N largest classes; 0 keeps all.")] = 0
    sample_classes: Annotated[int, _number("Draw N classes by lot; 0 keeps all.")] = 0
    images_per_class: Annotated[int, _number("Draw at most N photographs of each class; 0: all.")] = 0
    sample_images: Annotated[int, _number("Draw N of the remaining photographs by lot; 0: all.")] = 0

    def read(self) -> "Selection":
        """Returns the selection that the options describe.

        Raises:
            OSError: a file of landmarks cannot be read.
            ValueError: an option is of another form.
        """
        from tfrecords_builder.selection import Selection

        options = asdict(self)
        text, landmarks = options.pop("landmark_range"), options.pop("landmarks")
        first, last = _parse_range(text) if text else (None, None)
        return Selection(
            **options,
            first_landmark=first,
            last_landmark=last,
            landmarks=_parse_landmarks(landmarks) if landmarks else (),
        )


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Into which parts to divide."""

    split: _Split = None
    folds: _Folds = 0
    fold: Annotated[int | None, typer.Option(help="The fold that is validation, from 0.", metavar="I")] = None
    split_file: _SplitFile = None
    duplicates: _Duplicates = None

    def plan(self) -> "SplitPlan":
        """Returns the parts that --split, --folds and --fold describe.

        Raises:
            ValueError: an option is of another form, or they contradict each other.
        """
        from tfrecords_builder.splits import parse_plan

        return parse_plan(self.split or [], folds=self.folds, fold=self.fold)


def read_label_space(text: str) -> "LabelSpace":
    """Returns the label space of a name.

    Raises:
        ValueError: there is none of this name.
    """
    from tfrecords_builder.label_space import LabelSpace

    if text not in list(LabelSpace):
        raise ValueError(f"--label-space {text!r}: choose {' or '.join(LabelSpace)}")
    return LabelSpace(text)


def parse_bins(text: str) -> tuple[int, ...]:
    """Returns falling class sizes such as 30,15.

    Raises:
        ValueError: the text is of another form.
    """
    return _parse_numbers("--bins", text, "class sizes separated by commas such as 30,15")


def _parse_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        raise ValueError(f"--landmark-range {text!r}: expected two landmark ids such as 1000-1300")
    return int(first), int(last)


def _parse_landmarks(text: str) -> tuple[int, ...]:
    if not text.startswith("@"):
        return _parse_numbers("--landmarks", text, "landmark ids separated by commas such as 1,15,99")
    from tfrecords_builder.csv_table import parse_integers, read_columns
    from tfrecords_builder.schema import LANDMARK

    path = Path(text[1:])
    return tuple(parse_integers(path, read_columns(path, [LANDMARK])[LANDMARK]).tolist())


def _parse_numbers(option: str, text: str, expected: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ValueError(f"{option} {text!r}: expected {expected}")
    return tuple(int(part) for part in parts)

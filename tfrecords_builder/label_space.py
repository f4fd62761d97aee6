"""Which numbering a catalogue's landmark ids are of.

GLDv2's index_image_to_landmark.csv numbers landmarks on its own: its landmark 5 is not the 5 of train.csv. A file whose
name starts with index_image_to_landmark is therefore of the label space "index", whatever it lies among; any other file
is of "train" unless the caller says otherwise. What is derived from such a file (`select`, `split`) keeps the name.
"""

from enum import StrEnum
from pathlib import Path

from tfrecords_builder.manifest import read_manifest
from tfrecords_builder.schema import MANIFEST_FILE

_INDEX_NAME = "index_image_to_landmark"


class LabelSpace(StrEnum):
    """A numbering of landmarks."""

    TRAIN = "train"
    INDEX = "index"


def require_label_space(path: Path | str, wanted: LabelSpace) -> None:
    """Checks that a catalogue may be read as one of this label space.

    Raises:
        ValueError: its name says that it is of the index's, and another was asked for.
    """
    if wanted is LabelSpace.TRAIN and Path(path).name.lower().startswith(_INDEX_NAME):
        raise ValueError(
            f"{path}: its landmark ids are of another label space than those of train.csv (equal numbers are different "
            "landmarks), so it cannot be mixed with training labels; build it by itself with --label-space index"
        )


def derived_name(name: str, space: LabelSpace) -> str:
    """Returns the file name of something derived from a catalogue, which keeps its label space."""
    return f"{_INDEX_NAME}_{name}" if space is LabelSpace.INDEX and not name.startswith(_INDEX_NAME) else name


def require_labels_of(labels: Path, space: LabelSpace) -> None:
    """Checks that a labels.csv is of a label space, which the manifest beside it says; without one it is train's.

    Raises:
        ValueError: it is of another.
    """
    found = LabelSpace.TRAIN
    if (labels.parent / MANIFEST_FILE).is_file():
        found = LabelSpace(read_manifest(labels.parent).settings.get("label_space", LabelSpace.TRAIN))
    if found is not space:
        raise ValueError(
            f"{labels} numbers landmarks of the label space {found.value!r}, the catalogue is of {space.value!r}: "
            "equal numbers are different landmarks; a build needs labels of its own space (leave out --labels, or give "
            f"those of a build with --label-space {space.value})"
        )

"""The files of a toyworld: Google-Landmarks-v2's tables and paths, and the settings it was made with."""

import csv
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfland.toyworld.catalogue import (
    TEST,
    TRAIN,
    VALIDATION,
    Shot,
    landmark_ids,
    landmark_names,
    usage,
)
from tfland.toyworld.config import ToyworldConfig
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.schema import ID, LANDMARK, LANDMARKS, USAGE

SETTINGS_FILE = "toyworld.json"
# Raised when the generator draws other pictures for the same settings.
GENERATOR_VERSION = 2
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


def image_path(root: Path, shot: Shot) -> Path:
    """Where a photograph lies: SPLIT/a/b/c/abc….jpg."""
    name = shot.image_id
    return root / shot.split / name[0] / name[1] / name[2] / f"{name}.jpg"


def is_whole(path: Path) -> bool:
    """Whether a JPEG is there with its start and its end."""
    if not path.is_file() or path.stat().st_size < len(_JPEG_START + _JPEG_END):
        return False
    with path.open("rb") as file:
        start = file.read(len(_JPEG_START))
        file.seek(-len(_JPEG_END), 2)
        return start == _JPEG_START and file.read() == _JPEG_END


def claim(root: Path, config: ToyworldConfig) -> None:
    """Writes the settings into a new folder, or checks that a folder was begun with the same ones.

    Raises:
        ValueError: the folder holds a toyworld of other settings, or something else.
    """
    ours = {"generator_version": GENERATOR_VERSION, **dataclasses.asdict(config)}
    path = root / SETTINGS_FILE
    if not path.exists():
        if root.exists() and any(root.iterdir()):
            raise ValueError(f"{root} is not empty and holds no {SETTINGS_FILE}: give a new or empty folder")
        write_json(path, ours)
        return
    theirs = read_object(path, "delete the folder and run again")
    different = [name for name in ours if theirs.get(name) != ours[name]]
    if different:
        changes = ", ".join(f"{name} {theirs.get(name)} (now {ours[name]})" for name in different)
        raise ValueError(f"{root} was made with other settings: {changes}; give another folder or delete it")


def write_tables(root: Path, config: ToyworldConfig, shots: dict[str, list[Shot]]) -> None:
    """Writes the CSV files; last of all, so that a folder with them is complete.

    Args:
        root: the toyworld's folder.
        config: its settings.
        shots: photographs of each split.
    """
    ids = landmark_ids(config)
    names = landmark_names(config)
    _write(root / "train_label_to_category.csv", (LANDMARK, "category"), zip(ids, names, strict=True))
    for split, prefix in ((TEST, ""), (VALIDATION, "validation_")):
        _write(root / f"{split}.csv", (ID,), ((shot.image_id,) for shot in shots[split]))
        rows = (
            (shot.image_id, ids[shot.building] if shot.shows_landmark else "", usage(config, shot))
            for shot in shots[split]
        )
        _write(root / f"{prefix}solution.csv", (ID, LANDMARKS, USAGE), rows)
    labelled = ((shot.image_id, ids[shot.building]) for shot in shots[TRAIN])
    _write(root / "train.csv", (ID, LANDMARK), labelled)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)

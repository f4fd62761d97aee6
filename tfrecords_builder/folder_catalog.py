"""Makes a catalogue of a folder of photographs: a folder for each class, or one flat folder.

A class is a folder directly below the root (photographs may lie deeper in it). Classes get landmark ids 0, 1, 2 … in
the order of their names; `categories.csv` (landmark_id,category) says which is which, and a later folder of the same
classes, such as a test set, is given that table. A photograph's id is its file name without ending where that is a safe
id and no other photograph has it, whatever its case; else 16 hexadecimal digits that follow from its path.

The photographs are linked (hard links, which take no space; copied where the file system cannot) to
images/a/b/c/abc….jpg, where every command finds them. Hidden files, links, and files of other endings are left out.
"""

import hashlib
import logging
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.catalog import write_photographs
from tfrecords_builder.companions import read_categories
from tfrecords_builder.ids import validate_id
from tfrecords_builder.schema import CATALOGUE_FILE, CATEGORIES_FILE, CATEGORY, ID, LANDMARK, NO_LANDMARK_ID
from tfrecords_builder.terminal import progress

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
IMAGES_FOLDER = "images"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FolderCatalog:
    """A folder as a catalogue.

    Attributes:
        photographs: columns id and landmark_id, by path.
        paths: of the photographs, relative to the folder, in the same order.
        categories: names of the landmarks; empty for a flat folder.
    """

    photographs: pd.DataFrame
    paths: list[Path]
    categories: dict[int, str]


def read_folder(root: Path, categories: Path | None = None) -> FolderCatalog:
    """Returns the catalogue of a folder.

    Args:
        root: the folder.
        categories: landmark_id,category of an earlier folder, whose ids to use; None numbers the classes anew.

    Raises:
        OSError: the folder cannot be read.
        ValueError: it has no photograph, photographs both beside and in class folders, or a class that the table of
            categories does not name.
    """
    paths = _photographs_below(root)
    if not paths:
        raise ValueError(f"{root} holds no photograph ({', '.join(ENDINGS)})")
    beside = [path for path in paths if len(path.parts) == 1]
    if beside and len(beside) < len(paths):
        raise ValueError(
            f"{root} holds photographs such as {beside[0]} beside class folders; move them into a class, or give one "
            "folder that has either"
        )
    names = [] if beside else sorted({path.parts[0] for path in paths})
    numbers = _number(names, categories)
    landmarks = [NO_LANDMARK_ID if beside else numbers[path.parts[0]] for path in paths]
    photographs = pd.DataFrame({ID: _ids(paths), LANDMARK: landmarks})
    return FolderCatalog(
        photographs=photographs, paths=paths, categories={number: name for name, number in numbers.items()}
    )


def write_folder_catalog(root: Path, out: Path, categories: Path | None = None) -> FolderCatalog:
    """Writes catalogue.csv, categories.csv (of class folders) and links below images/, and returns the catalogue.

    Raises:
        OSError: a folder cannot be read or written.
        ValueError: see `read_folder`.
    """
    if out.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"--out {out} lies in {root}: its links would become photographs of the next catalogue")
    catalog = read_folder(root, categories)
    with progress("link", len(catalog.paths)) as shown:
        for image_id, path in zip(catalog.photographs[ID], catalog.paths, strict=True):
            _link(root / path, out / IMAGES_FOLDER / Path(*image_id[:3]) / f"{image_id}.jpg")
            shown.advance()
    if catalog.categories:
        table = pd.DataFrame(sorted(catalog.categories.items()), columns=[LANDMARK, CATEGORY])
        with atomic_write(out / CATEGORIES_FILE, newline="") as file:
            table.to_csv(file, index=False, lineterminator="\n")
    write_photographs(out / CATALOGUE_FILE, catalog.photographs)
    return catalog


def _photographs_below(root: Path) -> list[Path]:
    """Returns the photographs' paths relative to the folder, sorted."""
    if not root.is_dir():
        raise NotADirectoryError(f"no folder of photographs at {root}")
    found, others = [], 0
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(folder) / name
            if name.startswith(".") or path.is_symlink() or path.suffix.lower() not in ENDINGS or not path.is_file():
                others += 1
                continue
            found.append(path.relative_to(root))
    if others:
        logger.info("%s: %d files that are no photographs by their names, or links, are left out", root, others)
    return sorted(found, key=lambda path: path.parts)


def _ids(paths: list[Path]) -> list[str]:
    stems = Counter(path.stem.lower() for path in paths)
    return [path.stem if stems[path.stem.lower()] == 1 and _is_id(path.stem) else _hashed(path) for path in paths]


def _is_id(text: str) -> bool:
    try:
        return bool(validate_id(text))
    except ValueError:
        return False


def _hashed(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.as_posix())).hexdigest()[:16]


def _number(names: list[str], categories: Path | None) -> dict[str, int]:
    for name in names:
        if not name.isprintable():
            raise ValueError(f"class folder {name!r} has characters that cannot be printed; rename it")
    if categories is None:
        return {name: number for number, name in enumerate(names)}
    known = {name: number for number, name in read_categories(categories).items()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{categories} does not name {len(unknown)} class folders, the first is {unknown[0]!r}")
    return {name: known[name] for name in names}


def _link(source: Path, target: Path) -> None:
    if target.is_file() and (target.samefile(source) or target.read_bytes() == source.read_bytes()):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without hard links
        with atomic_write(target, "wb") as file, source.open("rb") as data:
            shutil.copyfileobj(data, file)

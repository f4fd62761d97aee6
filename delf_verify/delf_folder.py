"""A folder of `.delf` files, one an image: written from a feature store and read into one.

    features.json            {"fingerprint": "..."}: of the extractor; only in folders that this program wrote
    ID.delf, FOLDER/ID.delf  an id that is a path becomes one; other letters than A-Z a-z 0-9 _ . - ~ are written as in
                             addresses (%20), so that no id leads out of the folder or clashes with another

An image without features is an empty file.
"""

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from delf_verify.delf_io import SUFFIX, read_delf, write_delf
from delf_verify.feature_store import FeatureStore, read_fingerprint
from delf_verify.features import LocalFeatures
from tfrecords_builder import terminal
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.schema import DETAIL, ID

ABOUT = "features.json"
_LONGEST_NAME = 255

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Imported:
    """What became of a folder of `.delf` files.

    Attributes:
        added: images that the store has now.
        there: images that it had before.
        refused: what is wrong with the other files, by image id.
    """

    added: int
    there: int
    refused: dict[str, str]


def path_of(image_id: str) -> PurePosixPath:
    """The file of an image below the folder.

    Raises:
        ValueError: the id is empty, or too long for the name of a file.
    """
    parts = image_id.split("/")
    if not image_id or not all(parts):
        parts = [image_id]
    names = [_name_of(part) for part in parts]
    # A folder never has the name of a file.
    names = [
        f"{name[: -len(SUFFIX)]}%2E{SUFFIX[1:]}" if name.endswith(SUFFIX) else name for name in names[:-1]
    ] + names[-1:]
    names[-1] += SUFFIX
    if not image_id or max(map(len, names)) > _LONGEST_NAME:
        raise ValueError(f"image id {image_id[:80]!r} ({len(image_id)} letters) cannot be the name of a file")
    return PurePosixPath(*names)


def id_of(path: PurePosixPath) -> str:
    """The image whose file `path_of` gives; of a name that it would not give, the nearest id."""
    *folders, name = path.parts
    return "/".join(map(unquote, [*folders, name.removesuffix(SUFFIX)]))


def _name_of(part: str) -> str:
    return part.replace(".", "%2E") if part in (".", "..") else quote(part, safe="")


def export_store(store: Path, out: Path) -> tuple[int, int]:
    """Writes every image of a feature store as a `.delf` file; files that are there are left alone.

    Args:
        store: its folder.
        out: is created.

    Returns:
        How many files were written, and how many were there.

    Raises:
        OSError: there is no such store, or the folder cannot be written.
        ValueError: the store is damaged, or `out` holds another extractor's features.
    """
    fingerprint = read_fingerprint(store)
    features = FeatureStore(store, fingerprint)
    about = out / ABOUT
    if about.exists():
        _check_about(about, fingerprint)
    else:
        write_json(about, {"fingerprint": fingerprint})
    waiting = [image_id for image_id in features if not (out / path_of(image_id)).exists()]
    with terminal.progress("export", len(features)) as bar:
        bar.skip(len(features) - len(waiting))
        for image_id in waiting:
            write_delf(features.get(image_id), out / path_of(image_id))
            bar.advance()
    return len(waiting), len(features) - len(waiting)


def import_folder(folder: Path, store: Path, fingerprint: str | None) -> Imported:
    """Adds the images of a folder of `.delf` files to a feature store.

    Args:
        folder: is searched through, also below.
        store: its folder; is created.
        fingerprint: of the extractor that made the features; None: what features.json says.

    Raises:
        OSError: there is no such folder, or the store cannot be written.
        ValueError: no fingerprint is known, or the store or folder is of another one.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder at {folder}")
    if (folder / ABOUT).is_file():
        fingerprint = _check_about(folder / ABOUT, fingerprint)
    if not fingerprint:
        raise ValueError(f"{folder} does not say which extractor made its features: give --fingerprint")
    paths = {id_of(PurePosixPath(path.relative_to(folder))): path for path in sorted(folder.rglob(f"*{SUFFIX}"))}
    refused: dict[str, str] = {}
    with FeatureStore(store, fingerprint) as features, terminal.progress("import", len(paths)) as bar:
        waiting = features.missing(paths)
        bar.skip(len(paths) - len(waiting))
        reader = _Reader(_dimension_of(features))
        for image_id, found in reader.read({image_id: paths[image_id] for image_id in waiting}):
            if isinstance(found, LocalFeatures):
                features.add(image_id, found)
            else:
                refused[image_id] = found
            bar.advance(refused=int(not isinstance(found, LocalFeatures)))
    return Imported(len(waiting) - len(refused), len(paths) - len(waiting), refused)


def write_refused(path: Path, refused: dict[str, str]) -> None:
    """Writes id,detail of the files that were refused; the header alone where there are none."""
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((ID, DETAIL))
        writer.writerows(sorted(refused.items()))


class _Reader:
    """Reads files; knows the length of their descriptors from the first that has some."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension

    def read(self, paths: dict[str, Path]) -> Iterator[tuple[str, LocalFeatures | str]]:
        """Features or what is wrong, file by file; those without features last, when the length is known."""
        empty = []
        for image_id, path in paths.items():
            try:
                features = read_delf(path)
            except (ValueError, OSError) as error:
                yield image_id, str(error)
                continue
            length = features.descriptors.shape[1]
            if not len(features):
                empty.append(image_id)
            elif length != (self._dimension or length):
                yield image_id, f"descriptors of {length} numbers, those before of {self._dimension}"
            else:
                self._dimension = length
                yield image_id, features
        for image_id in empty:
            yield image_id, LocalFeatures.empty(self._dimension)


def _dimension_of(features: FeatureStore) -> int:
    """Length of the descriptors in a store, 0 where it has none."""
    return max((features.get(image_id).descriptors.shape[1] for image_id in list(features)[:1]), default=0)


def _check_about(path: Path, fingerprint: str | None) -> str:
    stored = read_object(path).get("fingerprint")
    if not isinstance(stored, str) or fingerprint not in (None, stored):
        raise ValueError(f"{path} says that its features are of {stored!r}, not of {fingerprint!r}: use another folder")
    return stored

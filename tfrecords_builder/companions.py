"""Tables that travel beside the shards: who made each photograph under which licence, and what each class is called.

attribution.csv has GLDv2's own columns (id,url,author,license,title) for the photographs that became records, in the
order of train_attribution.csv, which is read in pieces: it is larger than the catalogue. categories.csv has
landmark_id,category for the classes of labels.csv that have a name. The manifest holds the sha256 and counts of both.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.csv_table import first_bad, line_of, parse_integers, read_columns, read_pieces
from tfrecords_builder.labels import Labels
from tfrecords_builder.schema import (
    ATTRIBUTION_COLUMNS,
    ATTRIBUTION_FILE,
    CATEGORIES_FILE,
    CATEGORY,
    ID,
    LANDMARK,
    LICENSE,
)


def write_attribution(folder: Path, source: Path, image_ids: Iterable[str]) -> dict[str, Any]:
    """Writes attribution.csv and returns what the manifest says of it.

    Args:
        folder: of the build.
        source: train_attribution.csv; further columns are dropped.
        image_ids: the photographs of the shards.

    Returns:
        sha256, records (photographs with an attribution), missing (those without) and licenses (photographs of each).

    Raises:
        OSError: a file cannot be read or written.
        ValueError: a column is missing or an id is repeated.
    """
    wanted = pd.Index(list(image_ids))
    seen = np.zeros(len(wanted), bool)
    licenses: Counter[str] = Counter()
    path = folder / ATTRIBUTION_FILE
    with atomic_write(path, newline="") as file:
        pd.DataFrame(columns=list(ATTRIBUTION_COLUMNS)).to_csv(file, index=False, lineterminator="\n")
        for start, piece in read_pieces(source, ATTRIBUTION_COLUMNS):
            places = wanted.get_indexer(pd.Index(piece[ID]))
            inside = places >= 0
            row = first_bad(~(inside & (seen[places] | piece[ID].duplicated().to_numpy())))
            if row is not None:
                raise ValueError(f"{source}, line {line_of(start + row)}: id {piece[ID].iloc[row]!r} occurs twice")
            seen[places[inside]] = True
            chosen = piece[inside]
            licenses.update(chosen[LICENSE].tolist())
            chosen.to_csv(file, index=False, header=False, lineterminator="\n")
    found = int(seen.sum())
    return {
        "sha256": _sha256(path),
        "records": found,
        "missing": len(wanted) - found,
        "licenses": dict(sorted(licenses.items())),
    }


def read_categories(path: Path | str) -> dict[int, str]:
    """Returns the names of landmarks (train_label_to_category.csv: landmark_id,category), those that are not empty.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, or a landmark is no number or named twice.
    """
    table = read_columns(path, [LANDMARK, CATEGORY])
    landmarks = parse_integers(path, table[LANDMARK])
    row = first_bad(~pd.Series(landmarks).duplicated())
    if row is not None:
        raise ValueError(f"{path}, line {line_of(row)}: landmark_id {landmarks[row]} is named twice")
    return {mark: name for mark, name in zip(landmarks.tolist(), table[CATEGORY].tolist(), strict=True) if name}


def write_categories(folder: Path, source: Path, labels: Labels) -> dict[str, Any]:
    """Writes categories.csv and returns what the manifest says of it: sha256, named and unnamed (classes).

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the names are not as they should be.
    """
    names = read_categories(source)
    named = [landmark for landmark in labels.landmark_ids.tolist() if landmark in names]
    path = folder / CATEGORIES_FILE
    with atomic_write(path, newline="") as file:
        table = pd.DataFrame({LANDMARK: named, CATEGORY: [names[landmark] for landmark in named]})
        table.to_csv(file, index=False, lineterminator="\n")
    return {"sha256": _sha256(path), "named": len(named), "unnamed": len(labels) - len(named)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

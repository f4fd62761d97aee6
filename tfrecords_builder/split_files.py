"""Files that say how a catalogue is divided: id,split, and id,group for near-duplicates."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder.catalog import read_ids
from tfrecords_builder.csv_table import first_bad, line_of, read_columns
from tfrecords_builder.grouped_split import ALONE
from tfrecords_builder.schema import GROUP, ID, SPLIT, TRAIN_SPLIT, validate_split
from tfrecords_builder.splits import ONLY_TRAIN, SplitPlan, split_photographs

_MAX_SPLITS = 100

logger = logging.getLogger(__name__)


def divide(
    photographs: pd.DataFrame,
    plan: SplitPlan,
    seed: int,
    *,
    split_file: Path | None = None,
    duplicates: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Returns the rows of each part, by name; rows keep their order and are renumbered from 0.

    Args:
        photographs: columns id and landmark_id.
        plan: the parts, where no file says them.
        seed: of the choice within a class.
        split_file: see `split_by_file`.
        duplicates: see `read_duplicates`.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is not as it should be, or there are a file and a plan.
    """
    groups = None if duplicates is None else read_duplicates(duplicates, photographs)
    if split_file is None:
        return split_photographs(photographs, plan, seed, groups)
    if plan != ONLY_TRAIN:
        raise ValueError(f"{split_file} and parts {', '.join(plan.all_names)}: a catalogue is divided in one way")
    return split_by_file(photographs, split_file, groups)


def split_by_file(
    photographs: pd.DataFrame, path: Path | str, groups: np.ndarray | None = None
) -> dict[str, pd.DataFrame]:
    """Returns the rows of each part that a file `id,split` names: train first, the others by name.

    The file may name photographs that the catalogue, or a selection of it, does not hold.

    Args:
        photographs: columns id and landmark_id.
        path: the file.
        groups: near-duplicates that must be in one part, int [N]; None checks nothing.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not as described, leaves a photograph out, or divides near-duplicates.
    """
    table = read_columns(path, [ID, SPLIT])
    read_ids(path, table)
    names = sorted(table[SPLIT].unique(), key=lambda name: (name != TRAIN_SPLIT, name))
    for name in names[:_MAX_SPLITS]:
        try:
            validate_split(name)
        except ValueError as error:
            row = first_bad(table[SPLIT] != name)
            raise ValueError(f"{path}, line {line_of(row or 0)}: {error}") from error
    if len(names) > _MAX_SPLITS:
        raise ValueError(f"{path} names {len(names)} splits, at most {_MAX_SPLITS} are possible; is it id,split?")
    places = pd.Index(table[ID]).get_indexer(pd.Index(photographs[ID]))
    row = first_bad(places >= 0)
    if row is not None:
        raise ValueError(
            f"{path} has no split for {np.count_nonzero(places < 0)} of {len(photographs)} photographs, the first is "
            f"{photographs[ID].iloc[row]!r}; add them or drop them from the catalogue"
        )
    if len(table) > len(photographs):
        logger.info("%s: %d photographs are not in the catalogue", path, len(table) - len(photographs))
    splits = table[SPLIT].to_numpy()[places]
    if groups is not None:
        _refuse_divided_groups(path, photographs, splits, groups)
    parts = {name: photographs[splits == name].reset_index(drop=True) for name in names}
    return {name: rows for name, rows in parts.items() if len(rows)}


def read_duplicates(path: Path | str, photographs: pd.DataFrame) -> np.ndarray:
    """Returns the group of near-duplicates of each photograph: int64 [N], ALONE for one that is in none.

    Args:
        path: a file `id,group`, as `near_duplicates` writes it; it may name other photographs too.
        photographs: column id.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not as described.
    """
    table = read_columns(path, [ID, GROUP], allow_empty=True)
    read_ids(path, table)
    codes, _ = pd.factorize(table[GROUP])
    places = pd.Index(table[ID]).get_indexer(pd.Index(photographs[ID]))
    groups = np.where(places >= 0, np.append(codes, ALONE)[places], ALONE).astype(np.int64)
    # A selection may have left one photograph of a group.
    members = np.bincount(groups[groups != ALONE], minlength=1)
    return np.where(members[groups] > 1, groups, ALONE)


def _refuse_divided_groups(path: Path | str, photographs: pd.DataFrame, splits: np.ndarray, groups: np.ndarray) -> None:
    rows = np.flatnonzero(groups != ALONE)
    table = pd.DataFrame({GROUP: groups[rows], SPLIT: splits[rows], ID: photographs[ID].to_numpy()[rows]})
    counts = table.groupby(GROUP)[SPLIT].nunique()
    divided = counts.index[counts > 1]
    if len(divided):
        first = table[table[GROUP] == divided[0]].drop_duplicates(SPLIT)
        names = " and ".join(f"{image} in {name}" for image, name in zip(first[ID], first[SPLIT], strict=True))
        raise ValueError(
            f"{path} divides {len(divided)} groups of near-duplicates, such as {names}; put each group into one split"
        )

"""Splits of labelled evidence for cross-validation that keep what belongs together on one side.

A row belongs to one unit (a query) or to two (the places that a pair of photographs shows). What scores a row of the
test part has been tuned without any row of its units: for a pair across two folds, without both of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from delf_verify.probability import FloatArray, Method, fit_probability
from delf_verify.threshold_grid import BoolArray

FOLDS = 10
# Within a training part, to choose a wanted probability: more would cost time for little.
INNER_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a cross-validation.

    Attributes:
        train: [N] bool, the rows to tune on.
        test: [N] bool, the rows to judge; they share no unit with `train`.
    """

    train: BoolArray
    test: BoolArray


def units_of_queries(ids: Sequence[str]) -> NDArray[np.int64]:
    """Units [N, 2] of predictions: those of one query belong together."""
    codes = pd.factorize(np.asarray(ids, dtype=object))[0]
    return np.repeat(codes[:, None], 2, axis=1).astype(np.int64)


def units_of_pairs(first: Sequence[str], second: Sequence[str], same: ArrayLike) -> NDArray[np.int64]:
    """Units [N, 2] of pairs of photographs: the places they show.

    Photographs that are known to show the same place, directly or over others (connected components of the graph of
    the same pairs), are one place; every other photograph is its own.

    Args:
        first: [N] names of photographs, or of places where these are known (then `same` says nothing new).
        second: [N] likewise.
        same: [N] bool.
    """
    codes, names = pd.factorize(np.concatenate([np.asarray(first, dtype=object), np.asarray(second, dtype=object)]))
    ends = codes.reshape(2, -1)
    linked = ends[:, np.asarray(same, dtype=bool)]
    graph = coo_array((np.ones(linked.shape[1]), (linked[0], linked[1])), shape=(len(names), len(names)))
    return np.asarray(connected_components(graph, directed=False)[1][ends.T], dtype=np.int64)


def splits_of(units: NDArray[np.int64], is_true: BoolArray, rows: BoolArray, *, folds: int, seed: int) -> list[Split]:
    """Splits of the rows of a sample by their units.

    Units are dealt to the folds one by one, those with most true rows first: a unit with true rows to the fold with the
    fewest true rows so far, then the fewest rows; one without to the fold with the fewest rows. So every fold has its
    share of either kind. Every unordered pair of folds that some row belongs to is a test part.

    Args:
        units: [N, 2] int.
        is_true: [N] bool.
        rows: [N] bool, the part of the sample to split.
        folds: number wanted; fewer where there are fewer units.
        seed: decides among units of equal size.

    Returns:
        Splits with disjoint test parts; without those whose training part lacks true rows. Empty with fewer than two
        units.

    Raises:
        ValueError: fewer than two folds are wanted.
    """
    if folds < 2:
        raise ValueError(f"folds={folds}: give at least 2")
    seen, places = np.unique(units[rows], return_inverse=True)
    count = min(folds, len(seen))
    if count < 2:
        return []
    places = places.reshape(-1, 2)
    of_unit = _deal(places, is_true[rows], len(seen), count, seed)
    fold = np.full(units.shape, -1, dtype=np.int64)
    fold[rows] = np.sort(of_unit[places], axis=1)
    found = []
    for low, high in np.unique(fold[rows], axis=0):
        test = (fold[:, 0] == low) & (fold[:, 1] == high)
        train = rows & ~np.isin(fold, [low, high]).any(axis=1)
        if is_true[train].any():
            found.append(Split(train, test))
    return found


def _deal(places: NDArray[np.int64], is_true: BoolArray, num_units: int, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of every unit."""
    all_rows = np.bincount(places.ravel(), minlength=num_units)
    true_rows = np.bincount(places[is_true].ravel(), minlength=num_units)
    chance = np.random.default_rng([seed, num_units, folds]).random(num_units)
    of_unit = np.zeros(num_units, dtype=np.int64)
    load = np.zeros((folds, 2), dtype=np.int64)
    for unit in np.lexsort((chance, -all_rows, -true_rows)):
        # A unit without true rows changes nothing in the first column: by it all of them would go to one fold.
        fold = int(
            (np.lexsort((load[:, 1], load[:, 0])) if true_rows[unit] else np.argsort(load[:, 1], kind="stable"))[0]
        )
        of_unit[unit] = fold
        load[fold] += true_rows[unit], all_rows[unit]
    return of_unit


def held_out_probabilities(
    table: pd.DataFrame, is_true: BoolArray, inputs: Sequence[str], method: Method, splits: Sequence[Split]
) -> FloatArray:
    """The probability of each row, by a fit that has seen no row of its units.

    Args:
        table: columns `inputs`, N rows.
        is_true: [N] bool.
        inputs: as `fit_probability` takes them.
        method: likewise.
        splits: of the N rows.

    Returns:
        [N] float64; NaN where a row is in no test part, lacks an input, or the training part is of one kind only.
    """
    found = np.full(len(table), np.nan)
    complete = np.isfinite(table[list(inputs)].to_numpy(np.float64)).all(axis=1)
    for split in splits:
        labels = is_true[split.train & complete]
        if labels.any() and not labels.all():
            model = fit_probability(table[split.train], is_true[split.train], inputs, method)
            found[split.test] = model.predict(table[split.test])
    return found

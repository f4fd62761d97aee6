"""Divides classes whose near-duplicates must stay together: a group of photographs goes to one part as a whole.

The counts that each part should get of each class are those of `apportion`; groups make them goals. Groups are placed
first, large ones before small ones, where their classes lack most; then photographs that are alone fill what is left,
in proportion, and what a class could not give a part is carried to the next such class. A group that spans classes
counts for all of them.

A class of as many units (groups and photographs alone) as there are parts is in each part that should hold it, unless
a group that it shares with another class forbids that; a class of fewer is in the first part at least, so that
whatever is tested was also trained.
"""

from dataclasses import dataclass

import numpy as np

from tfrecords_builder.apportion import round_to_sum
from tfrecords_builder.ids import hash_ids

ALONE = -1


@dataclass(frozen=True, kw_only=True)
class _Class:
    """What is known of a class while it is divided; the lists change.

    Attributes:
        goal: photographs that each part should get.
        missing: of them, those that are not placed yet; below 0 where groups brought more.
        units: groups and photographs alone that are not placed yet, in a list of one.
    """

    goal: list[int]
    missing: list[int]
    units: list[int]

    def empty_parts(self) -> list[int]:
        """Returns the parts that should hold the class and do not yet."""
        return [part for part, goal in enumerate(self.goal) if goal and self.missing[part] >= goal]


def place_groups(
    ids: list[str], classes: np.ndarray, groups: np.ndarray, counts: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the parts of photographs in groups, and how many photographs alone each part gets of each class.

    Args:
        ids: the photographs.
        classes: of each photograph, int [N], from 0.
        groups: of each photograph, int [N]; ALONE for one without near-duplicates.
        counts: photographs that each part should get of each class, int [C, P].
        seed: of the order of equally large groups.

    Returns:
        Parts, int8 [N], -1 for photographs alone; their counts, int64 [C, P].
    """
    parts = np.full(len(ids), -1, np.int8)
    rows = np.flatnonzero(groups != ALONE)
    alone = np.bincount(classes[groups == ALONE], minlength=len(counts))
    members = _members(ids, groups, rows, seed)
    states = _states(classes, rows, members, counts, alone)
    for group in members:
        sizes = dict(zip(*(array.tolist() for array in np.unique(classes[group], return_counts=True)), strict=True))
        part = _choose_part(sizes, states)
        parts[group] = part
        for number, size in sizes.items():
            states[number].missing[part] -= size
            states[number].units[0] -= 1
    filled = counts.copy()
    owed = [0.0] * counts.shape[1]
    for number in sorted(states):
        filled[number], owed = _fill(states[number], int(alone[number]), owed)
    return parts, filled


def _members(ids: list[str], groups: np.ndarray, rows: np.ndarray, seed: int) -> list[np.ndarray]:
    """Returns the rows of each group, large groups first, equal ones by lot."""
    numbers = hash_ids([ids[row] for row in rows.tolist()], seed, "group")
    order = np.lexsort((numbers, groups[rows]))
    rows, numbers = rows[order], numbers[order]
    _, starts, sizes = np.unique(groups[rows], return_index=True, return_counts=True)
    by_size = np.lexsort((numbers[starts], -sizes))
    return [rows[starts[group] : starts[group] + sizes[group]] for group in by_size.tolist()]


def _states(
    classes: np.ndarray, rows: np.ndarray, members: list[np.ndarray], counts: np.ndarray, alone: np.ndarray
) -> dict[int, _Class]:
    states = {
        number: _Class(goal=counts[number].tolist(), missing=counts[number].tolist(), units=[int(alone[number])])
        for number in np.unique(classes[rows]).tolist()
    }
    for group in members:
        for number in np.unique(classes[group]).tolist():
            states[number].units[0] += 1
    return states


def _choose_part(sizes: dict[int, int], states: dict[int, _Class]) -> int:
    """Returns the part of a group, `sizes` being its photographs of each class."""
    allowed = set(range(len(next(iter(states.values())).goal)))
    for number in sizes:
        empty = states[number].empty_parts()
        if states[number].units[0] == 1 and 0 in empty:
            return 0
        if states[number].units[0] <= len(empty) and allowed & set(empty):
            # No unit may be spared: each of those left must open a part.
            allowed &= set(empty)
    lacking = {part: sum(size * states[number].missing[part] for number, size in sizes.items()) for part in allowed}
    return min(allowed, key=lambda part: (-lacking[part], part))


def _fill(state: _Class, alone: int, owed: list[float]) -> tuple[list[int], list[float]]:
    """Returns how many photographs alone each part gets, and what each part is owed after that."""
    least = [0] * len(owed)
    for part in state.empty_parts()[:alone]:
        least[part] = 1
    wanted = [max(0.0, missing + debt) for missing, debt in zip(state.missing, owed, strict=True)]
    scale = alone / sum(wanted) if sum(wanted) else 0.0
    quotas = [want * scale for want in wanted]
    shares = round_to_sum(quotas, alone, least) if alone else least
    left = [missing - share + debt for missing, share, debt in zip(state.missing, shares, owed, strict=True)]
    return shares, [min(1.0, max(-1.0, debt)) for debt in left]

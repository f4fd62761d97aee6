"""Who is who in a toyworld: class sizes, ids, names, and what every photograph shows."""

import dataclasses
import hashlib

import numpy as np

from tfland.toyworld.config import (
    LANDMARK_ID_LIMIT,
    MIN_IMAGES_PER_LANDMARK,
    ToyworldConfig,
    stream,
)
from tfland.toyworld.world import CATALOGUE, family_of

TRAIN, TEST, VALIDATION = "train", "test", "validation"
_PUBLIC_SHARE = 0.4
# An unknown building is photographed a few times, like any sight that is not in the catalogue.
_PHOTOGRAPHS_PER_UNKNOWN = 3
_FIRST = ("Al", "Bel", "Cor", "Dun", "El", "Fal", "Gris", "Hal", "Is", "Kar", "Lun", "Mar", "Nor", "Or", "Pel", "Quin")
_SECOND = ("a", "an", "e", "en", "i", "o", "or", "u")
_THIRD = ("bourg", "dale", "dor", "ford", "gard", "hagen", "mere", "mont", "nova", "port", "stadt", "via", "wick")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """One photograph to be taken.

    Attributes:
        split: train, test or validation.
        number: within the split; with the seed it fixes the photograph.
        image_id: 16 hexadecimal digits.
        group: the buildings that `building` counts in, "" for a photograph without a building.
        building: index within the group.
    """

    split: str
    number: int
    image_id: str
    group: str
    building: int

    @property
    def shows_landmark(self) -> bool:
        """Whether its building is in the catalogue."""
        return self.group == CATALOGUE


def class_sizes(config: ToyworldConfig) -> np.ndarray:
    """[landmarks] int, training photographs of each landmark: a power law, Zipf's, down to exactly 4."""
    ranks = np.arange(1, config.landmarks + 1)
    weights = 1 / ranks - 1 / config.landmarks
    spare = config.images - MIN_IMAGES_PER_LANDMARK * config.landmarks
    exact = spare * weights / weights.sum()
    sizes = np.floor(exact).astype(int)
    # The largest remainders get what rounding down has left over.
    for index in np.argsort(sizes - exact, kind="stable")[: spare - sizes.sum()]:
        sizes[index] += 1
    shuffled = stream(config.seed, "class sizes").permutation(config.landmarks)
    return (sizes + MIN_IMAGES_PER_LANDMARK)[shuffled]


def landmark_ids(config: ToyworldConfig) -> list[int]:
    """The landmark id of every building of the catalogue: ascending, with gaps."""
    rng = stream(config.seed, "landmark ids")
    return sorted(rng.choice(LANDMARK_ID_LIMIT, config.landmarks, replace=False).tolist())


def landmark_names(config: ToyworldConfig) -> list[str]:
    """A readable name for every building of the catalogue; no two are equal."""
    rng = stream(config.seed, "names")
    names: list[str] = []
    for index in range(config.landmarks):
        place = "".join(str(rng.choice(parts)) for parts in (_FIRST, _SECOND, _THIRD))
        name = f"{place} {family_of(config.seed, CATALOGUE, index)}"
        names.append(name if name not in names else f"{name} ({index + 1})")
    return names


def image_id(seed: int, split: str, number: int) -> str:
    """16 hexadecimal digits that only depend on the arguments."""
    return hashlib.sha256(f"toyworld {seed} {split} {number}".encode()).hexdigest()[:16]


def plan(config: ToyworldConfig) -> dict[str, list[Shot]]:
    """Every photograph of a toyworld, by split."""
    return {
        TRAIN: train_shots(config),
        TEST: query_shots(config, TEST),
        VALIDATION: query_shots(config, VALIDATION),
    }


def train_shots(config: ToyworldConfig) -> list[Shot]:
    """The training photographs in the order of their numbers; landmarks are mixed."""
    buildings = np.repeat(np.arange(config.landmarks), class_sizes(config))
    buildings = stream(config.seed, "train order").permutation(buildings)
    return [_shot(config, TRAIN, number, CATALOGUE, int(b)) for number, b in enumerate(buildings)]


def query_shots(config: ToyworldConfig, split: str) -> list[Shot]:
    """The queries of a split, `TEST` or `VALIDATION`: landmarks, unknown buildings and other things, mixed.

    A landmark's share of the queries goes with the square root of its class size: frequent ones are asked for
    more often, but rare ones are asked for as well.
    """
    total = config.queries if split == TEST else config.validation_queries
    distractors = round(total * config.distractor_share)
    unknown = distractors // 2
    shares = np.sqrt(class_sizes(config))
    rng = stream(config.seed, "queries", split)
    known = rng.choice(config.landmarks, total - distractors, p=shares / shares.sum())
    group = unknown_group(split)
    subjects = [(CATALOGUE, int(b)) for b in known]
    subjects += [(group, number // _PHOTOGRAPHS_PER_UNKNOWN) for number in range(unknown)]
    subjects += [("", 0)] * (distractors - unknown)
    order = rng.permutation(total)
    return [_shot(config, split, number, *subjects[index]) for number, index in enumerate(order)]


def unknown_group(split: str) -> str:
    """The buildings of a query split that are not in the catalogue; each split has its own."""
    return f"unknown {split}"


def usage(config: ToyworldConfig, shot: Shot) -> str:
    """Kaggle's part of the leaderboard, "Public" or "Private"."""
    public = stream(config.seed, "usage", shot.split, shot.number).random() < _PUBLIC_SHARE
    return "Public" if public else "Private"


def _shot(config: ToyworldConfig, split: str, number: int, group: str, building: int) -> Shot:
    return Shot(
        split=split,
        number=number,
        image_id=image_id(config.seed, split, number),
        group=group,
        building=building,
    )

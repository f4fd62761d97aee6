"""Scores of labelled pairs: their quality, by scene, and with all that is learnt from the other half of the scenes."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from delf_verify.decision import Thresholds
from delf_verify.probability import PAIR_INPUTS, fit_probability

SPLIT_SEED = 0
# Seed 003 confirms from 25 inliers in one image or a mean above 8 on; of a single pair both are the same number.
SEED_MEAN = Thresholds().mean_inliers


def threshold_at(scores: np.ndarray, same: np.ndarray, false_accepts: float) -> float:
    """The score above which at most this share of the different pairs lies."""
    others = np.sort(scores[~same])[::-1]
    return float(others[int(false_accepts * len(others))])


def quality(scores: np.ndarray, same: np.ndarray) -> dict[str, float]:
    """AUC, and recall at 5 % and 1 % false accepts."""
    found = {"auc": float(roc_auc_score(same, scores))}
    for name, share in (("recall5", 0.05), ("recall1", 0.01)):
        found[name] = float((scores[same] > threshold_at(scores, same, share)).mean())
    return found


def halves(pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """For each pair whether the scene of its first, and of its second photograph lies in the first half."""
    scenes = np.array(sorted({*pairs["scene_a"], *pairs["scene_b"]}))
    first = set(np.random.default_rng(SPLIT_SEED).permutation(scenes)[: len(scenes) // 2])
    return pairs["scene_a"].isin(first).to_numpy(), pairs["scene_b"].isin(first).to_numpy()


class HeldOut(NamedTuple):
    """What both halves say about each other."""

    chosen: list[str]
    inliers: np.ndarray
    probability: np.ndarray
    of_default: np.ndarray
    verdicts: dict[str, np.ndarray]


def cross_validate(
    pairs: pd.DataFrame, evidence: dict[str, pd.DataFrame], *, grid: list[str], default: str, reference: str
) -> HeldOut:
    """Chooses from the grid and fits on either half, and scores the pairs whose first scene lies in the other."""
    same = pairs["same"].to_numpy()
    in_a, in_b = halves(pairs)
    chosen, tuned = [], np.zeros(len(pairs), bool)
    inliers, probability, of_default = np.zeros((3, len(pairs)))
    for fitted, judged in ((in_a & in_b, ~in_a), (~in_a & ~in_b, in_a)):

        def auc(name: str, fitted: np.ndarray = fitted) -> float:
            counted = evidence[name]["num_inliers"].to_numpy()
            return float(roc_auc_score(same[fitted], counted[fitted]))

        best = max(grid, key=auc)
        chosen.append(best)
        for name, out in ((best, probability), (default, of_default)):
            table = evidence[name]
            out[judged] = fit_probability(table[fitted], same[fitted], PAIR_INPUTS).predict(table[judged])
        counted = evidence[best]["num_inliers"].to_numpy()
        inliers[judged] = counted[judged]
        tuned[judged] = counted[judged] > threshold_at(counted[fitted], same[fitted], 0.05)
    by_seed = {name: evidence[name]["num_inliers"].to_numpy() > SEED_MEAN for name in (reference, default)}
    verdicts = {"seed's, reference": by_seed[reference], "seed's, default": by_seed[default]}
    verdicts["tuned on the other half"] = tuned
    verdicts["probability >= 0.5, other half"] = of_default >= 0.5
    return HeldOut(chosen, inliers, probability, of_default, verdicts)


def by_scene(pairs: pd.DataFrame, scores: np.ndarray) -> list[tuple[str, int, float, float]]:
    """Scene, same pairs, AUC of these against all different pairs, and their recall at 5 % false accepts of all."""
    same = pairs["same"].to_numpy()
    limit, rows = threshold_at(scores, same, 0.05), []
    for scene in sorted(set(pairs.loc[same, "scene_a"])):
        here = same & (pairs["scene_a"] == scene).to_numpy()
        auc = float(roc_auc_score(same[here | ~same], scores[here | ~same]))
        rows.append((scene, int(here.sum()), auc, float((scores[here] > limit).mean())))
    return rows

"""That it never changes a verdict is shown on random evidence under random rules of every kind."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from delf_verify.config import VerifyConfig, default_config
from delf_verify.decision import Thresholds, decide_table
from delf_verify.early_stop import surely_confirmed, verify_until_confirmed
from delf_verify.evidence import ImageEvidence, QueryEvidence, verify_query
from delf_verify.evidence_rows import sum_up
from delf_verify.features import LocalFeatures
from delf_verify.matching import AggregatedIndex
from delf_verify.probability import PAIR_INPUTS, QUERY_INPUTS, ProbabilityModel

PREDICTION = pd.DataFrame({"id": ["q"], "landmark_id": [1]})


def verdict(images: tuple[ImageEvidence, ...], thresholds: Thresholds, score: float) -> str:
    """As `verify` decides: on the rounded summary."""
    table = sum_up([(("q", 1), QueryEvidence.of(images))], PREDICTION).assign(score=score)
    return str(decide_table(table, thresholds)[0])


def random_model(rng: np.random.Generator, inputs: tuple[str, ...]) -> ProbabilityModel:
    coefficients = rng.choice([0.0, 1.0], len(inputs), p=[0.2, 0.8]) * rng.exponential(2.0, len(inputs))
    curve = {}
    if rng.random() < 0.4:
        count = int(rng.integers(1, 8))
        curve = {"corners": sorted(rng.normal(0, 4, count)), "heights": sorted(rng.random(count))}
    return ProbabilityModel(
        method="isotonic" if curve else "logistic",
        inputs=inputs,
        coefficients=tuple(coefficients),
        lows=(0.0,) * len(inputs),
        highs=tuple(np.where(rng.random(len(inputs)) < 0.3, 0.3, 5.0)),
        intercept=float(rng.normal(-5, 3)),
        **{name: tuple(values) for name, values in curve.items()},
    )


def random_rule(rng: np.random.Generator) -> Thresholds:
    low, mean = sorted(rng.uniform(0, 15, 2))
    numbers = {"max_inliers": float(rng.integers(1, 60)), "mean_inliers": mean, "distractor_inliers": low}
    kind = rng.integers(4)
    if kind == 0:
        return Thresholds(**numbers)
    models = {}
    if kind in (1, 3):
        models["pair"] = random_model(rng, PAIR_INPUTS)
    if kind in (2, 3):
        models["query"] = random_model(rng, QUERY_INPUTS[: 4 + int(rng.integers(2))])
    return Thresholds(**numbers, **models, confirmed_probability=float(rng.random()))


def random_images(rng: np.random.Generator) -> tuple[ImageEvidence, ...]:
    strong = rng.random()
    images = []
    for number in range(rng.integers(1, 9)):
        putative = int(rng.integers(0, 120))
        inliers = int(putative * rng.random() ** (1 if rng.random() < strong else 6))
        images.append(ImageEvidence(f"i{number}", putative, inliers, round(rng.random(), 6) if inliers > 2 else 0.0))
    return tuple(images)


@pytest.mark.parametrize("seed", range(6))
def test_a_verdict_is_never_changed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stopped = 0
    for _ in range(60):
        rule, images = random_rule(rng), random_images(rng)
        score = float("nan") if rng.random() < 0.2 else float(rng.random())
        for count in range(1, len(images)):
            if surely_confirmed(images[:count], len(images), rule, score):
                assert verdict(images[:count], rule, score) == "confirmed"
                assert verdict(images, rule, score) == "confirmed"
                stopped += 1
                break
    assert stopped > 5, "a rule that never stops proves nothing"


def test_stops_at_the_first_image_that_settles_it() -> None:
    rule = Thresholds(max_inliers=25, mean_inliers=8, distractor_inliers=5)
    many, few, none = ImageEvidence("a", 40, 25, 0.5), ImageEvidence("b", 40, 17, 0.5), ImageEvidence("c", 40, 0, 0.0)
    nan = float("nan")
    assert surely_confirmed([none, many], 50, rule, nan)
    assert not surely_confirmed([few], 3, rule, nan), "17 / 3 is not above 8"
    assert surely_confirmed([few], 2, rule, nan), "the other image cannot bring 17 / 2 below 8"
    assert not surely_confirmed([none], 1, rule, nan)


def test_a_later_best_image_of_a_lower_ratio_is_reckoned_with() -> None:
    """The ratio and spread of the best image so far must not confirm: another image may become the best one."""
    model = ProbabilityModel(
        method="logistic",
        inputs=PAIR_INPUTS,
        coefficients=(0.0, 10.0, 0.0),
        lows=(0.0, 0.0, 0.0),
        highs=(9.0, 1.0, 1.0),
        intercept=-5.0,
    )
    rule = Thresholds(pair=model, confirmed_probability=0.9)
    good, better = ImageEvidence("a", 10, 9, 0.9), ImageEvidence("b", 100, 10, 0.1)
    assert verdict((good,), rule, 0.5) == "confirmed" and verdict((good, better), rule, 0.5) != "confirmed"
    assert not surely_confirmed([good], 2, rule, 0.5)


def features(seed: int) -> LocalFeatures:
    rng = np.random.default_rng(seed)
    descriptors = rng.normal(size=(60, 16))
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    return LocalFeatures(rng.uniform(0, 400, (60, 2)), descriptors, np.ones(60), np.ones(60))


@pytest.mark.parametrize("config", [VerifyConfig(), default_config("sift")])
def test_a_query_is_compared_until_it_is_confirmed(config: VerifyConfig) -> None:
    config = replace(config, stop_early=True, thresholds=Thresholds())
    query = features(0)
    copy = LocalFeatures(query.locations_yx * 1.1 + 7, query.descriptors, query.scores, query.scales)
    index = AggregatedIndex(["stranger", "copy", "other"], [features(1), copy, features(2)])
    whole, stopped = verify_query(query, index, config), verify_until_confirmed(query, index, config, 0.5)
    assert [image.image_id for image in stopped.images] == ["stranger", "copy"]
    assert stopped.images == whole.images[:2]
    nobody = AggregatedIndex(["stranger", "other"], [features(1), features(2)])
    assert verify_until_confirmed(query, nobody, config, 0.5) == verify_query(query, nobody, config)

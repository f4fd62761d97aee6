"""Tuning, choice, verification and report within the chain, on a tiny world of textures."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from delf_verify.decision import load_thresholds
from tfland.demo.chain import summarise
from tfland.demo.config import ChainConfig
from tfland.demo.layout import Layout, Queries
from tfland.demo.verification import Verifier


@pytest.fixture
def verifier(verify_world: SimpleNamespace, tmp_path: Path) -> Verifier:
    """Predictions are made; the same queries serve for tuning and for the test."""
    for name in ("validation", "test"):
        (tmp_path / "predictions").mkdir(exist_ok=True)
        shutil.copy(verify_world.predictions, tmp_path / "predictions" / f"{name}.csv")
    queries = Queries(csv=verify_world.predictions, images=verify_world.queries, solution=verify_world.solution)
    layout = Layout(
        train_csv=verify_world.index_csv,
        train_images=verify_world.index,
        validation=queries,
        test=queries,
        names=None,
    )
    config = ChainConfig(extractors=["sift"], index_images=2, residual_px=8.0)
    return Verifier(config=config, layout=layout, out=tmp_path, workers=1)


def test_tuned_thresholds_separate_the_tiny_world(verifier: Verifier, tmp_path: Path) -> None:
    verifier.tune("sift")
    assert load_thresholds(tmp_path / "thresholds_sift.yaml").extractor.startswith("rootsift")
    # Every right prediction has more inliers than every wrong one.
    assert verifier.separation() == {"sift": 1.0}
    verifier.verify_test("sift")
    table = verifier.read_test("sift")
    # The chain's settings reached the verification: two index images, however many a landmark has.
    assert table["images_compared"].max() == 2
    summary = summarise(verifier.config, verifier.layout.test, verifier, "sift")
    # Both distractors and the wrong prediction go, the six right ones stay; one more query shows a landmark: `nothing`.
    assert summary["distractors_rejected"] >= 2 / 3
    assert summary["true_kept"] == 1.0
    assert summary["gap_verified"] > summary["gap_classifier"]
    assert summary["gap_gain"]["value"] == pytest.approx(summary["gap_verified"] - summary["gap_classifier"])
    page = verifier.write_report("sift", summary)
    assert page.is_file()
    assert f"{summary['gap_verified']:.3f}" in page.read_text()


def test_untuned_extractors_can_neither_be_compared_nor_used(verifier: Verifier) -> None:
    with pytest.raises(FileNotFoundError, match=r"no .*verified.csv"):
        verifier.separation()
    with pytest.raises(FileNotFoundError, match="thresholds_sift"):
        verifier.verify_test("sift")

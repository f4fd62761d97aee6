from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from delf_verify.config import VerifyConfig, default_config
from delf_verify.drawn_evidence import Drawer, DrawTask, config_of, open_source
from delf_verify.evidence import verify_query
from delf_verify.extract import load_extractor
from delf_verify.feature_store import FeatureStore
from delf_verify.matching import AggregatedIndex
from delf_verify.sources import FolderSource
from tfrecords_builder.images import read_image


@pytest.mark.parametrize("config", [VerifyConfig(), default_config("sift")])
def test_the_drawn_inliers_are_those_of_the_verification(
    verify_world: SimpleNamespace, tmp_path: Path, config: VerifyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor, names = load_extractor("sift"), ("index10x0", "index10x1")
    queries, index = (FeatureStore(tmp_path / role, extractor.fingerprint) for role in ("queries", "index"))
    queries.add("query10x0", extractor.extract(read_image(verify_world.queries / "query10x0.jpg")))
    for name in names:
        index.add(name, extractor.extract(read_image(verify_world.index / f"{name}.jpg")))
    evidence = verify_query(
        queries.get("query10x0"), AggregatedIndex(names, [index.get(name) for name in names]), config
    )
    drawn: list[np.ndarray] = []
    original = __import__("delf_verify.plots", fromlist=["draw_matches"]).draw_matches
    monkeypatch.setattr(
        "delf_verify.drawn_evidence.draw_matches",
        lambda *arguments, **options: drawn.append(arguments[4]) or original(*arguments, **options),
    )
    drawer = Drawer(
        stores=(queries, index),
        sources=(FolderSource(verify_world.queries), FolderSource(verify_world.index)),
        config=config,
    )
    drawing = drawer(DrawTask.of("query10x0", evidence))
    assert drawn[0].sum() == evidence.max_inliers
    assert cv2.imdecode(np.frombuffer(drawing.jpeg, np.uint8), 1).shape == (drawing.height, drawing.width, 3)
    lost = drawer(DrawTask(query_id="gone", image_id="index10x0", image_ids=names))
    assert "cannot be read any more (missing" in lost.trouble


def test_settings_come_back() -> None:
    from dataclasses import asdict

    config = default_config("sift")
    assert config_of({"settings": asdict(config)}) == config


def test_a_source_that_is_gone(tmp_path: Path) -> None:
    assert open_source(str(tmp_path / "gone")) is None
    assert open_source(str(tmp_path)) == FolderSource(tmp_path)

"""One small toyworld for the tests that only read."""

from pathlib import Path

import pytest

from tfland.toyworld import ToyworldConfig, generate

TINY = ToyworldConfig(landmarks=5, images=27, queries=14, distractor_share=0.5, size=48, seed=3)


@pytest.fixture(scope="session")
def tiny_config() -> ToyworldConfig:
    return TINY


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(TINY, tmp_path_factory.mktemp("toyworld") / "tiny", workers=1).root

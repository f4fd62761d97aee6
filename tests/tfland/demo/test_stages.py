"""The ledger and the stand-ins; the chain itself runs in tests/integration/test_demo.py."""

from pathlib import Path

import pandas as pd
import pytest

from tfland.demo.config import ChainConfig
from tfland.demo.layout import Queries
from tfland.demo.stages import Ledger, without_own_landmark


def test_a_finished_stage_is_not_run_again(tmp_path: Path) -> None:
    ran = []
    for _ in range(2):
        Ledger(tmp_path, ChainConfig()).run("shards", lambda: ran.append(1))
    assert ran == [1]
    assert list(Ledger(tmp_path, ChainConfig()).seconds) == ["shards"]


def test_a_failed_stage_is_run_again(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("disk full")

    ledger = Ledger(tmp_path, ChainConfig())
    with pytest.raises(OSError, match="disk full"):
        ledger.run("shards", fail)
    assert Ledger(tmp_path, ChainConfig()).seconds == {}


def test_other_settings_are_refused(tmp_path: Path) -> None:
    Ledger(tmp_path, ChainConfig())
    with pytest.raises(ValueError, match=r"other settings \(max_side\)"):
        Ledger(tmp_path, ChainConfig(max_side=99))


def queries(folder: Path, stand_ins: str | None) -> Queries:
    path = None
    if stand_ins is not None:
        path = folder / "stand_ins.csv"
        path.write_text("id,landmark_id\n" + stand_ins)
    return Queries(csv=folder, images=folder, solution=folder, stand_ins=path)


CANDIDATES = pd.DataFrame(
    {"id": ["a", "a", "a", "b", "b"], "landmark_id": [1, 2, 3, 1, 2], "score": [0.6, 0.3, 0.1, 0.8, 0.2]}
)


def test_a_stand_in_is_predicted_without_its_own_landmark(tmp_path: Path) -> None:
    best = without_own_landmark(CANDIDATES, queries(tmp_path, "a,1\n"))
    assert best["landmark_id"].tolist() == [2, 1]
    assert best["score"].tolist() == pytest.approx([0.3 / 0.4, 0.8])


def test_without_stand_ins_the_best_stays(tmp_path: Path) -> None:
    best = without_own_landmark(CANDIDATES, queries(tmp_path, None))
    assert best["landmark_id"].tolist() == [1, 1]
    assert best["score"].tolist() == [0.6, 0.8]

"""The pass over the queries: complete, resumable, and sparing behind the gate."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from delf_verify.sources import FolderSource
from tfland.recognition import observe as module
from tfland.recognition.observe import GATE, NO_LANDMARK, REFUSED, SEEN, discard, observe

Colourful = tuple[Path, dict[str, int]]


class MeanColour:
    """An observer without a network: the mean colour, or its brightness."""

    def __init__(self, dimensions: int, fingerprint: str = "one") -> None:
        self.dimensions, self.fingerprint, self.shown = dimensions, fingerprint, 0

    def fit(self, photograph: np.ndarray) -> tuple[np.ndarray, ...]:
        return (photograph[::8, ::8],)

    def embed(self, photographs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        self.shown += len(photographs)
        means = np.stack([view.mean(axis=(0, 1)) / 255 for (view,) in photographs]).astype(np.float32)
        return means if self.dimensions == 3 else means.mean(axis=1, keepdims=True)


@pytest.fixture
def ids(colourful: Colourful) -> list[str]:
    return [*list(colourful[1])[::-1], "gone"]


def test_every_photograph_is_looked_at_in_order(colourful: Colourful, ids: list[str], tmp_path: Path) -> None:
    folder, landmarks = colourful
    observers = {GATE: MeanColour(1), "head": MeanColour(3)}
    seen = observe(observers, ids, FolderSource(folder), tmp_path / "work", threshold=0.2)
    assert list(seen.refused) == ["gone"]
    dark = np.array([landmarks.get(name) == 900 for name in ids])
    assert (seen.status[dark] == NO_LANDMARK).all()
    assert (seen.status[:-1][~dark[:-1]] == SEEN).all()
    assert seen.status[-1] == REFUSED
    assert observers["head"].shown == 30
    assert observers[GATE].shown == 36
    assert (seen.vectors["head"][dark] == 0).all()
    row = ids.index("p001x0")
    assert seen.vectors["head"][row] == pytest.approx(np.array([220, 60, 60]) / 255, abs=0.15)
    assert seen.seen.tolist() == [n for n, name in enumerate(ids) if landmarks.get(name, 900) != 900]


def test_a_killed_pass_goes_on(
    colourful: Colourful,
    ids: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 8)
    source = FolderSource(colourful[0])
    whole = observe({"head": MeanColour(3)}, ids, source, tmp_path / "whole")

    class Killed(FolderSource):
        def read(self, image_id: str) -> np.ndarray:
            if image_id == ids[20]:
                raise KeyboardInterrupt
            return super().read(image_id)

    with pytest.raises(KeyboardInterrupt):
        observe({"head": MeanColour(3)}, ids, Killed(colourful[0]), tmp_path / "work")
    again = MeanColour(3)
    with caplog.at_level("INFO"):
        seen = observe({"head": again}, ids, source, tmp_path / "work")
    assert "16 photographs were looked at before" in caplog.text
    assert again.shown == len(ids) - 1 - 16
    np.testing.assert_array_equal(seen.vectors["head"], whole.vectors["head"])
    np.testing.assert_array_equal(seen.status, whole.status)
    third = MeanColour(3)
    assert list(observe({"head": third}, ids, source, tmp_path / "work").refused) == ["gone"]
    assert third.shown == 0


@pytest.mark.parametrize("change", ["ids", "network", "threshold"])
def test_a_folder_of_something_else_is_begun_anew(
    colourful: Colourful, ids: list[str], tmp_path: Path, change: str
) -> None:
    source = FolderSource(colourful[0])
    observe({GATE: MeanColour(1)}, ids, source, tmp_path, threshold=0.2)
    network = MeanColour(1, "other" if change == "network" else "one")
    names, threshold = (ids[3:] if change == "ids" else ids), (0.9 if change == "threshold" else 0.2)
    seen = observe({GATE: network}, names, source, tmp_path, threshold=threshold)
    assert network.shown == len(names) - 1
    assert len(seen.status) == len(names)


def test_threads_do_not_matter(colourful: Colourful, ids: list[str], tmp_path: Path) -> None:
    made = [
        observe({"head": MeanColour(3)}, ids, FolderSource(colourful[0]), tmp_path / str(n), threads=n) for n in (1, 4)
    ]
    np.testing.assert_array_equal(made[0].vectors["head"], made[1].vectors["head"])


def test_no_photographs(tmp_path: Path, colourful: Colourful) -> None:
    seen = observe({"head": MeanColour(3)}, [], FolderSource(colourful[0]), tmp_path)
    assert len(seen.seen) == 0


def test_only_a_folder_of_ours_is_removed(tmp_path: Path, colourful: Colourful, ids: list[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    discard(tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").exists()
    observe({"head": MeanColour(3)}, ids, FolderSource(colourful[0]), tmp_path / "work")
    discard(tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_threads_are_checked(tmp_path: Path, colourful: Colourful) -> None:
    with pytest.raises(ValueError, match="threads is 0"):
        observe({}, [], FolderSource(colourful[0]), tmp_path, threads=0)

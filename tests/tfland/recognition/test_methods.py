"""Every method end to end on photographs of one colour, against the same by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from delf_verify.sources import FolderSource
from tfland.recognition.embedder import Embedder, ViewConfig
from tfland.recognition.embeddings import Embeddings
from tfland.recognition.observe import Observations, observe
from tfland.recognition.predict import predict, predict_to_file
from tfland.recognition.ranking import RankingConfig
from tfland.recognition.system import System
from tfland.recognition.system_config import ClassifierConfig, GateConfig, SystemConfig
from tfrecords_builder.catalog import read_candidates, read_submission

MakeModelDir = Callable[..., Path]
Colourful = tuple[Path, dict[str, int]]
MakeSystem = Callable[..., System]


@pytest.fixture
def queries(colourful: Colourful) -> list[str]:
    """Four photographs of each landmark; the other two are the index."""
    return [name for name in colourful[1] if name[-1] in "0123"]


@pytest.fixture
def make_index(colourful: Colourful, tmp_path: Path) -> Callable[..., str]:
    def make(model: Path, name: str, landmarks: tuple[int, ...], views: ViewConfig | None = None) -> str:
        folder, all_landmarks = colourful
        embedder, source = Embedder.load(model, views), FolderSource(folder)
        ids = [name for name, mark in all_landmarks.items() if mark in landmarks and name[-1] in "45"]
        vectors = embedder.embed([embedder.fit(source.read(name)) for name in ids])
        marks = np.array([-1 if all_landmarks[name] == 900 else all_landmarks[name] for name in ids], np.int64)
        Embeddings(
            ids=np.array(ids),
            landmark_ids=marks,
            vectors=vectors,
            fingerprint=embedder.fingerprint,
            model=embedder.model,
        ).save(tmp_path / name)
        return str(tmp_path / name)

    return make


def ask(system: System, colourful: Colourful, ids: list[str], work: Path, **options: object) -> pd.DataFrame:
    return predict(system, ids, FolderSource(colourful[0]), work, **options).candidates  # type: ignore[arg-type]


def share_right(table: pd.DataFrame, colourful: Colourful) -> float:
    best = table.drop_duplicates("id")
    return float((best["id"].map(colourful[1]) == best["landmark_id"]).mean())


def test_two_classifiers_by_the_papers_equation(
    make_model_dir: MakeModelDir, colourful: Colourful, queries: list[str], tmp_path: Path
) -> None:
    parts = [make_model_dir("many", [1, 2]), make_model_dir("few", [3, 4, 5], sharpness=2)]
    system = System.load(SystemConfig(classifiers=[ClassifierConfig(models=(str(part),)) for part in parts]))
    table = ask(system, colourful, queries, tmp_path / "work", candidates=4)
    source = FolderSource(colourful[0])
    for name in queries[::5]:
        scores = {}
        for member, factor in zip(system.members, (2 / 3, 1.0), strict=True):
            model = member.models[0]
            chances = model.probabilities(model.fit(source.read(name))[None])[0] * factor
            scores |= dict(zip(member.landmark_ids.tolist(), chances.tolist(), strict=True))
        wanted = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:4]
        rows = table[table["id"] == name]
        assert rows["landmark_id"].tolist() == [mark for mark, _ in wanted]
        assert rows["score"].tolist() == pytest.approx([score for _, score in wanted], rel=1e-5)
    assert table["id"].drop_duplicates().tolist() == queries


def test_an_ensemble_averages_probabilities(
    make_model_dir: MakeModelDir, colourful: Colourful, queries: list[str], tmp_path: Path
) -> None:
    folders = [make_model_dir(name, [1, 2, 3], sharpness=value) for name, value in (("a", 1.0), ("b", 6.0))]
    both = System.load(SystemConfig(classifiers=[ClassifierConfig(models=tuple(map(str, folders)))]))
    alone = [System.load(SystemConfig(classifiers=[ClassifierConfig(models=(str(part),))])) for part in folders]
    tables = [
        ask(system, colourful, queries, tmp_path / f"work{n}", candidates=3).set_index(["id", "landmark_id"])["score"]
        for n, system in enumerate([both, *alone])
    ]
    mean = (tables[1] + tables[2].reindex(tables[1].index)) / 2
    assert tables[0].reindex(mean.index).to_numpy() == pytest.approx(mean.to_numpy(), abs=1e-6)


@pytest.mark.parametrize("threshold", [0.5, None])
def test_the_gate_keeps_dark_photographs_back(
    make_model_dir: MakeModelDir, colourful: Colourful, queries: list[str], tmp_path: Path, threshold: float | None
) -> None:
    config = SystemConfig(
        gate=GateConfig(model=str(make_model_dir("gate", task="gate")), threshold=threshold),
        classifiers=[ClassifierConfig(models=(str(make_model_dir("a", [1, 2, 3, 4, 5])),))],
    )
    system = System.load(config)
    assert system.threshold == 0.5
    predict_to_file(system, queries, FolderSource(colourful[0]), tmp_path / "p.csv")
    table = read_submission(tmp_path / "p.csv")
    assert table["id"].tolist() == queries
    dark = table["id"].str.startswith("p900")
    assert (table.loc[dark, "landmark_id"] == -1).all()
    assert share_right(table[~dark], colourful) == 1.0
    assert not (tmp_path / "p.observations").exists()
    predict_to_file(system, queries, FolderSource(colourful[0]), tmp_path / "c.csv", candidates=2, work=tmp_path / "w")
    assert not read_candidates(tmp_path / "c.csv")["id"].str.startswith("p900").any()
    assert (tmp_path / "w").exists()


def test_a_gate_that_keeps_everything_back(
    make_model_dir: MakeModelDir, colourful: Colourful, queries: list[str], tmp_path: Path
) -> None:
    config = SystemConfig(
        gate=GateConfig(model=str(make_model_dir("gate", task="gate")), threshold=1.0),
        classifiers=[ClassifierConfig(models=(str(make_model_dir("a", [1, 2])),))],
    )
    predict_to_file(System.load(config), queries, FolderSource(colourful[0]), tmp_path / "p.csv")
    assert (read_submission(tmp_path / "p.csv")["landmark_id"] == -1).all()


@pytest.mark.parametrize("method", ["knn", "blend", "ranked"])
@pytest.mark.parametrize("models", [1, 2])
def test_neighbours_find_the_landmarks(
    make_model_dir: MakeModelDir,
    make_index: Callable[..., str],
    colourful: Colourful,
    queries: list[str],
    tmp_path: Path,
    method: str,
    models: int,
) -> None:
    folders = [make_model_dir(f"m{n}", [1, 2, 3, 4, 5], sharpness=2.0 + n) for n in range(models)]
    part = ClassifierConfig(
        models=tuple(map(str, folders)),
        index=tuple(make_index(folder, f"index{n}", (1, 2, 3, 4, 5)) for n, folder in enumerate(folders)),
        non_landmarks=tuple(make_index(folder, f"pool{n}", (900,)) for n, folder in enumerate(folders)),
    )
    # In three dimensions every colour is similar to the dark: without B, which is tested with the ranking.
    steps = RankingConfig(quantile=False, index_penalty=False)
    system = System.load(SystemConfig(classifiers=[part], method=method, ranking=steps))  # type: ignore[arg-type]
    shown = [name for name in queries if not name.startswith("p900")]
    table = ask(system, colourful, shown, tmp_path / "work", candidates=2)
    assert share_right(table, colourful) >= 0.9
    assert table["id"].drop_duplicates().tolist() == shown
    only = ask(system, colourful, shown, tmp_path / "work", candidates=2, landmarks={2, 3})
    assert set(only["landmark_id"]) <= {2, 3}
    with pytest.raises(ValueError, match="none of the 1 landmarks allowed is known"):
        ask(system, colourful, shown, tmp_path / "work", landmarks={77})


def test_votes_are_powers_of_cosines(
    make_model_dir: MakeModelDir,
    make_index: Callable[..., str],
    colourful: Colourful,
    queries: list[str],
    tmp_path: Path,
) -> None:
    """The definition of kNN, by hand for a query."""
    folder = make_model_dir("m", [1, 2, 3, 4, 5])
    index = make_index(folder, "index", (1, 2, 3, 4, 5))
    part = ClassifierConfig(models=(str(folder),), index=(index,))
    system = System.load(SystemConfig(classifiers=[part], method="knn"))
    rows = ask(system, colourful, queries[:3], tmp_path / "work", candidates=5)
    seen = observe(system.observers(), queries[:3], FolderSource(colourful[0]), tmp_path / "work")
    opened = Embeddings.load(index)
    cosines = opened.vectors.astype(np.float64) @ seen.vectors["neighbors_0_0"][1].astype(np.float64)
    nearest = np.argsort(-cosines)[:5]
    votes: dict[int, float] = {}
    for place in nearest:
        mark = int(opened.landmark_ids[place])  # type: ignore[index]
        votes[mark] = votes.get(mark, 0.0) + max(cosines[place], 0.0) ** 8
    found = rows[rows["id"] == queries[1]].set_index("landmark_id")["score"].to_dict()
    assert found == pytest.approx(votes, rel=1e-4)


def test_the_index_decides_how_queries_are_seen(
    make_model_dir: MakeModelDir,
    make_index: Callable[..., str],
    colourful: Colourful,
    queries: list[str],
    tmp_path: Path,
) -> None:
    folder = make_model_dir("m", [1, 2])
    index = make_index(folder, "index", (1, 2), ViewConfig(flip=True, scales=(1.0, 1.5)))
    part = ClassifierConfig(models=(str(folder),), index=(index,))
    system = System.load(SystemConfig(classifiers=[part], method="knn"))
    (observer,) = system.observers().values()
    assert [view.shape for view in observer.fit(np.zeros((50, 60, 3), np.uint8))] == [(32, 32, 3), (48, 48, 3)]


def test_an_index_of_another_model_is_refused(
    make_model_dir: MakeModelDir, make_index: Callable[..., str], tmp_path: Path
) -> None:
    one, other = make_model_dir("one", [1, 2]), make_model_dir("other", [1, 2], sharpness=9)
    index = make_index(one, "index", (1, 2))
    part = ClassifierConfig(models=(str(other),), index=(index,))
    with pytest.raises(ValueError, match=r"index was made by another model than .*other; run `tfland embed`"):
        System.load(SystemConfig(classifiers=[part], method="knn"))
    dark = make_index(one, "dark", (900,))
    with pytest.raises(ValueError, match="dark has photographs without a landmark"):
        System.load(SystemConfig(classifiers=[ClassifierConfig(models=(str(one),), index=(dark,))], method="knn"))


def test_a_landmark_that_is_found_too_often_loses(
    make_model_dir: MakeModelDir, colourful: Colourful, queries: list[str], tmp_path: Path
) -> None:
    part = ClassifierConfig(models=(str(make_model_dir("a", [1, 2, 3])),))
    often = [name for name in queries if name.startswith("p001")] + ["p002x0"]
    plain, penalised = (
        ask(
            System.load(SystemConfig(classifiers=[part], max_queries_per_label=limit)),
            colourful,
            often,
            tmp_path / "work",
        )
        for limit in (0, 3)
    )
    assert plain["landmark_id"].tolist() == [1, 1, 1, 1, 2]
    assert 1 not in penalised["landmark_id"].tolist()
    assert penalised["landmark_id"].iloc[-1] == 2


def test_blocks_do_not_matter(
    make_model_dir: MakeModelDir,
    colourful: Colourful,
    queries: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = System.load(SystemConfig(classifiers=[ClassifierConfig(models=(str(make_model_dir("a", [1, 2, 3])),))]))
    whole = ask(system, colourful, queries, tmp_path / "work")
    monkeypatch.setattr("tfland.recognition.methods._BLOCK_BYTES", 200)
    pd.testing.assert_frame_equal(whole, ask(system, colourful, queries, tmp_path / "work"), rtol=1e-6)


def test_candidates_must_be_positive(system: System) -> None:
    from tfland.recognition.methods import recognise

    nothing = Observations(ids=[], status=np.zeros(0, np.uint8), vectors={}, refused={})
    with pytest.raises(ValueError, match="candidates is 0"):
        recognise(system, nothing, candidates=0)

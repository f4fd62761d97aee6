from pathlib import Path

import pytest

from delf_verify import pair_job
from delf_verify.config import VerifyConfig, default_config
from delf_verify.feature_store import FeatureStore
from delf_verify.pair_job import match_features, match_stored

CONFIG = VerifyConfig()
PAIRS = [(a, b) for a in "abc" for b in "cba"] * 8


@pytest.fixture
def store(tmp_path: Path, make_features) -> FeatureStore:
    """Three images; b shows half of what a does."""
    one = make_features(40, seed=1)
    with FeatureStore(tmp_path / "store", "sift") as store:
        for name, features in (("a", one), ("b", one.take(range(20))), ("c", make_features(40, seed=2))):
            store.add(name, features)
    return store


def test_scores_are_those_of_each_pair_alone(store: FeatureStore) -> None:
    scores = match_stored(PAIRS, store, CONFIG, workers=1)
    assert len(scores) == len(PAIRS)
    for (a, b), score in zip(PAIRS, scores, strict=True):
        match = match_features(store.get(a), store.get(b), CONFIG)
        assert score == (len(match.putative), match.geometry.num_inliers, match.spread)
    assert scores[PAIRS.index(("a", "a"))].inliers == 40
    assert scores[PAIRS.index(("b", "a"))].inliers == 20


def test_finished_scores_are_read_again(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = match_stored(PAIRS, store, CONFIG, workers=1)
    assert len(list(store.folder.glob("scores-*.csv"))) == 1
    assert not list(store.folder.glob("parts-*"))
    monkeypatch.setattr(pair_job, "ordered_map", None)
    assert match_stored(PAIRS, store, CONFIG, workers=1) == first


def test_other_pairs_or_settings_are_matched_anew(store: FeatureStore) -> None:
    match_stored(PAIRS, store, CONFIG, workers=1)
    kept = set(store.folder.glob("scores-*.csv"))
    match_stored(PAIRS, store, default_config("sift"), workers=1)
    assert match_stored(PAIRS[:1], store, CONFIG, workers=1) == match_stored(PAIRS, store, CONFIG, workers=1)[:1]
    assert set(store.folder.glob("scores-*.csv")) == kept


def test_a_killed_run_goes_on_with_the_next_part(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = match_stored(PAIRS, store, CONFIG, workers=1)
    (finished,) = store.folder.glob("scores-*.csv")
    whole = finished.read_bytes()
    finished.unlink()
    done: list[int] = []
    real = pair_job._Work.__call__

    def killed_in_the_second(self, pairs):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(len(pairs))
        return real(self, pairs)

    monkeypatch.setattr(pair_job._Work, "__call__", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        match_stored(PAIRS, store, CONFIG, workers=1)
    done[:] = [0, 0]
    assert match_stored(PAIRS, store, CONFIG, workers=1) == expected
    assert done == [0, 0, 32, 8]
    assert finished.read_bytes() == whole


@pytest.mark.slow
def test_workers_do_not_matter(store: FeatureStore) -> None:
    one = match_stored(PAIRS, store, CONFIG, workers=1)
    for file in store.folder.glob("scores-*.csv"):
        file.unlink()
    assert match_stored(PAIRS, store, CONFIG, workers=2) == one


@pytest.mark.parametrize("content", ["1,2,0.5\n", "1,2\n" * 72, "1,2,x\n" * 72])
def test_damaged_scores_are_told(store: FeatureStore, content: str) -> None:
    match_stored(PAIRS, store, CONFIG, workers=1)
    (finished,) = store.folder.glob("scores-*.csv")
    finished.write_text(content)
    with pytest.raises(ValueError, match=r"scores-.*csv is damaged .* delete it and run again"):
        match_stored(PAIRS, store, CONFIG, workers=1)


def test_no_pairs(store: FeatureStore) -> None:
    assert match_stored([], store, CONFIG, workers=1) == []

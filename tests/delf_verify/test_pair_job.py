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


@pytest.fixture
def kill_after(monkeypatch: pytest.MonkeyPatch):
    """A function: the next run is killed after so many parts; and the parts that were worked on since."""
    real = pair_job._Work.__call__
    done: list[int] = []

    def prepare(count: int) -> list[int]:
        def call(self, pairs):
            if len(done) == count:
                raise KeyboardInterrupt
            done.append(len(pairs))
            return real(self, pairs)

        done.clear()
        monkeypatch.setattr(pair_job._Work, "__call__", call)
        return done

    return prepare


def test_a_killed_run_goes_on_with_the_next_part(store: FeatureStore, kill_after) -> None:
    expected = match_stored(PAIRS, store, CONFIG, workers=1)
    kill_after(1)
    with pytest.raises(KeyboardInterrupt):
        match_stored(PAIRS, store, CONFIG, workers=1)
    assert len(list(store.folder.glob("parts-*/*.csv"))) == 1
    done = kill_after(99)
    assert match_stored(PAIRS, store, CONFIG, workers=1) == expected
    assert done == [32, 8]
    assert not list(store.folder.glob("parts-*"))


def test_parts_of_other_pairs_or_settings_are_removed(store: FeatureStore, kill_after) -> None:
    for pairs, config in ((PAIRS, CONFIG), (PAIRS[1:], CONFIG), (PAIRS, default_config("sift"))):
        kill_after(1)
        with pytest.raises(KeyboardInterrupt):
            match_stored(pairs, store, config, workers=1)
        assert len(list(store.folder.glob("parts-*/*.csv"))) == 1


@pytest.mark.parametrize("content", ["1,2,0.5\n", "1,2\n" * 32, "1,2,x\n" * 32])
def test_damaged_parts_are_told(store: FeatureStore, kill_after, content: str) -> None:
    kill_after(1)
    with pytest.raises(KeyboardInterrupt):
        match_stored(PAIRS, store, CONFIG, workers=1)
    (part,) = store.folder.glob("parts-*/*.csv")
    part.write_text(content)
    kill_after(99)
    with pytest.raises(ValueError, match=r"000000\.csv is damaged .* delete it and run again"):
        match_stored(PAIRS, store, CONFIG, workers=1)


@pytest.mark.slow
def test_workers_do_not_matter(store: FeatureStore) -> None:
    assert match_stored(PAIRS, store, CONFIG, workers=2) == match_stored(PAIRS, store, CONFIG, workers=1)


def test_no_pairs(store: FeatureStore) -> None:
    assert match_stored([], store, CONFIG, workers=1) == []

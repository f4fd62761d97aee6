"""Searches: what is tried, what is written, and what a kill costs (nothing)."""

import csv
import dataclasses
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tfland.training
from tfland.config import ExperimentConfig
from tfland.config_io import load_config
from tfland.hyperparameters import SearchConfig, load_search, run_search
from tfrecords_builder.terminal import CheckFailed

WriteSearch = Callable[..., Path]
Train = Callable[..., tfland.training.TrainResult]


def table(search: SearchConfig) -> list[dict[str, str]]:
    return list(csv.DictReader((search.out / "trials.csv").open()))


@pytest.mark.usefixtures("formula_trains")
def test_a_search_finds_what_is_good(write_search: WriteSearch) -> None:
    search = load_search(write_search(trials=30))
    result = run_search(search)
    assert result.trials == (30, 30)
    assert result.value > 0.9
    assert result.settings["loss.margin"] == 0.3
    assert 0.003 < result.settings["schedule.learning_rate"] < 0.03
    best = load_config(result.config)
    assert best.schedule.learning_rate == result.settings["schedule.learning_rate"]
    assert best.training.model_dir == str(search.out / "best")
    rows = table(search)
    assert [int(row["trial"]) for row in rows] == list(range(30))
    assert max(float(row["validation_gap"]) for row in rows) == result.value
    assert (search.out / "search.png").read_bytes().startswith(b"\x89PNG")
    assert run_search(search) == result


@pytest.mark.usefixtures("formula_trains")
def test_a_grid_tries_every_combination_once(write_search: WriteSearch) -> None:
    search = load_search(write_search(sampler="grid", space={"loss.margin": [0.1, 0.3, 0.5]}))
    assert run_search(search).settings == {"loss.margin": 0.3}
    assert [row["loss.margin"] for row in table(search)] == ["0.1", "0.3", "0.5"]


@pytest.mark.usefixtures("formula_trains")
def test_a_loss_is_to_be_small_and_more_trials_can_be_asked_for_later(write_search: WriteSearch) -> None:
    search = load_search(write_search(metric="train_loss", sampler="random", trials=3))
    first = run_search(search)
    before = table(search)
    assert first.value == min(float(row["train_loss"]) for row in before)
    more = dataclasses.replace(search, trials=5)
    assert run_search(more).trials == (5, 5)
    assert table(more)[:3] == before


@pytest.mark.usefixtures("formula_trains")
def test_another_search_in_the_folder_is_refused(write_search: WriteSearch) -> None:
    run_search(load_search(write_search(trials=1)))
    with pytest.raises(ValueError, match="holds another search: its space differs"):
        run_search(load_search(write_search(space={"loss.margin": [0.1]})))


@pytest.mark.usefixtures("formula_trains")
def test_an_unknown_metric_ends_the_search(write_search: WriteSearch) -> None:
    with pytest.raises(ValueError, match="metric is 'validation_gab'; choose one of epoch, train_loss, validation_gap"):
        run_search(load_search(write_search(metric="validation_gab")))


def test_a_trial_that_fails_is_listed_and_the_search_goes_on(
    write_search: WriteSearch, formula: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(config: ExperimentConfig, **hooks: Any) -> tfland.training.TrainResult:
        if config.loss.margin == 0.5:
            raise CheckFailed("the loss of step 3 is not a finite number")
        return formula(config, **hooks)

    monkeypatch.setattr(tfland.training, "train", train)
    space = {"loss.margin": [0.5, 0.3], "model.head": ["cosine", "linear"]}
    search = load_search(write_search(sampler="grid", space=space))
    assert run_search(search).trials == (1, 4)
    rows = table(search)
    assert [row["state"] for row in rows] == ["fail", "fail", "complete", "fail"]
    assert rows[0]["reason"] == "the loss of step 3 is not a finite number"
    assert "model.head is 'linear'" in rows[1]["reason"]


def test_a_search_without_any_success_says_why(write_search: WriteSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(_config: ExperimentConfig, **_hooks: Any) -> tfland.training.TrainResult:
        raise ValueError("training.batch_size is 7")

    monkeypatch.setattr(tfland.training, "train", train)
    with pytest.raises(
        CheckFailed, match=r"none of 2 trials was trained to its end; the last one: training\.batch_size"
    ):
        run_search(load_search(write_search(trials=2)))


def test_hopeless_trials_are_stopped(
    write_search: WriteSearch, formula: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[float] = []

    def train(config: ExperimentConfig, *, on_epoch: Callable[[dict[str, float]], None]) -> Any:
        def count(epoch: dict[str, float]) -> None:
            epochs.append(epoch["epoch"])
            on_epoch(epoch)

        return formula(config, on_epoch=count)

    monkeypatch.setattr(tfland.training, "train", train)
    search = load_search(write_search(prune_after_epochs=1, trials=20, sampler="random"))
    complete, total = run_search(search).trials
    assert total == 20
    assert 4 <= complete < 20
    assert len(epochs) < 60
    assert sum(row["state"] == "pruned" for row in table(search)) == total - complete


@pytest.mark.slow
def test_an_interrupted_search_ends_as_an_uninterrupted_one(
    write_search: WriteSearch, formula: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    search = load_search(write_search(trials=14))
    monkeypatch.setattr(tfland.training, "train", formula)
    whole = dataclasses.replace(search, out=tmp_path / "whole")
    run_search(whole)
    calls = 0

    def train(config: ExperimentConfig, *, on_epoch: Callable[[dict[str, float]], None]) -> Any:
        def die(epoch: dict[str, float]) -> None:
            nonlocal calls
            on_epoch(epoch)
            calls += 1
            if calls % 5 == 0:
                raise KeyboardInterrupt

        return formula(config, on_epoch=die)

    monkeypatch.setattr(tfland.training, "train", train)
    interruptions = 0
    while True:
        try:
            run_search(search)
        except KeyboardInterrupt:
            interruptions += 1
        else:
            break
    assert interruptions > 5
    for name in ("trials.csv", "search.png"):
        assert (search.out / name).read_bytes() == (whole.out / name).read_bytes()


def _work(search: SearchConfig, formula: Train) -> None:
    def slowly(config: ExperimentConfig, **hooks: Any) -> Any:
        time.sleep(0.2)
        return formula(config, **hooks)

    tfland.training.train = slowly
    run_search(search)


@pytest.mark.slow
def test_processes_share_a_study_and_one_that_is_killed_loses_nothing(
    write_search: WriteSearch, formula: Train
) -> None:
    search = load_search(write_search(trials=16, sampler="random"))
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_work, args=(search, formula)) for _ in range(3)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 60
    while len(list((search.out / "trials").glob("*.lock"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(workers[0].pid or 0, signal.SIGKILL)
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL, 0, 0]
    rows = table(search)
    assert [row["state"] for row in rows] == ["complete"] * 16
    assert len({row["schedule.learning_rate"] for row in rows}) == 16

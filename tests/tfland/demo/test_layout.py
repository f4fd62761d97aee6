"""Photographs that are found or held out."""

from pathlib import Path

import pandas as pd
import pytest

from tfland.demo.config import ChainConfig
from tfland.demo.layout import make_photographs
from tfland.toyworld.config import ToyworldConfig
from tfrecords_builder.catalog import read_photographs, read_solution


def folder(root: Path) -> Path:
    rows = [(f"{n:016x}", 10 + n % 3) for n in range(30)]
    root.mkdir()
    (root / "train.csv").write_text("id,landmark_id\n" + "".join(f"{name},{mark}\n" for name, mark in rows))
    (root / "test.csv").write_text("id\nff\n")
    (root / "solution.csv").write_text("id,landmarks,Usage\nff,10,Public\n")
    return root


def test_held_out_queries_leave_the_index(tmp_path: Path) -> None:
    config = ChainConfig(photographs=str(folder(tmp_path / "in")), held_out=0.2)
    layout = make_photographs(config, tmp_path / "out")
    train, queries = (read_photographs(csv) for csv in (layout.train_csv, layout.validation.csv))
    assert (len(train), len(queries)) == (24, 6)
    assert not set(train["id"]) & set(queries["id"])
    assert layout.test.csv == tmp_path / "in" / "test.csv"


def test_every_second_held_out_query_stands_in_for_a_distractor(tmp_path: Path) -> None:
    config = ChainConfig(photographs=str(folder(tmp_path / "in")), held_out=0.2)
    validation = make_photographs(config, tmp_path / "out").validation
    shown = read_solution(validation.solution).set_index("id")["landmarks"]
    assert validation.stand_ins is not None
    stand_ins = read_photographs(validation.stand_ins)
    assert {name for name, marks in shown.items() if not marks} == set(stand_ins["id"])
    assert len(stand_ins) == 3
    original = read_photographs(tmp_path / "in" / "train.csv").set_index("id")["landmark_id"]
    assert (original[stand_ins["id"]].to_numpy() == stand_ins["landmark_id"].to_numpy()).all()


def test_the_choice_is_the_seeds(tmp_path: Path) -> None:
    where = folder(tmp_path / "in")
    chosen = []
    for seed in (1, 1, 2):
        config = ChainConfig(photographs=str(where), seed=seed)
        layout = make_photographs(config, tmp_path / f"out{len(chosen)}")
        chosen.append(layout.validation.csv.read_text())
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    (folder(tmp_path / "in") / "solution.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"solution.csv is missing"):
        make_photographs(ChainConfig(photographs=str(tmp_path / "in")), tmp_path / "out")


def test_the_toyworld_brings_queries_of_its_own(tmp_path: Path) -> None:
    toyworld = ToyworldConfig(landmarks=2, images=8, queries=4, size=48)
    layout = make_photographs(ChainConfig(toyworld=toyworld), tmp_path)
    assert layout.validation.stand_ins is None
    assert len(pd.read_csv(layout.validation.csv)) == toyworld.validation_queries

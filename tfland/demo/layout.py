"""Where the chain's photographs, their tables and its results lie."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfland.demo.config import ChainConfig
from tfland.toyworld.generate import generate
from tfrecords_builder import schema
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.splits import SplitPlan, assign_splits

STAND_IN_FILE = "stand_ins.csv"
# GLDv2's own name for the table of landmark names, and a shorter one that people use.
_NAME_FILES = ("train_label_to_category.csv", "labels.csv")


@dataclass(frozen=True, kw_only=True)
class Queries:
    """Labelled queries.

    Attributes:
        csv: their ids.
        images: folder of their photographs.
        solution: which landmarks each shows.
        stand_ins: id,landmark_id of the queries that play distractors: their own landmark is taken out of the
            predictions, so that whatever remains is wrong. None where real distractors are among the queries.
    """

    csv: Path
    images: Path
    solution: Path
    stand_ins: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The photographs of one run.

    Attributes:
        train_csv: id,landmark_id of what is trained on and compared with.
        train_images: folder of those photographs.
        validation: queries that thresholds are tuned on.
        test: queries that are scored.
        names: landmark_id,category, or None if the folder has no such table.
    """

    train_csv: Path
    train_images: Path
    validation: Queries
    test: Queries
    names: Path | None


def make_photographs(config: ChainConfig, out: Path) -> Layout:
    """Generates the toyworld, or finds the folder's photographs and holds validation queries out.

    Raises:
        OSError: the folder lacks train.csv, test.csv or solution.csv.
        ValueError: one of them is no such table.
    """
    folder = Path(config.photographs) if config.photographs is not None else out / "photographs"
    if config.photographs is None:
        generate(config.toyworld, folder)
    for name in ("train.csv", "test.csv", "solution.csv"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing; photographs is a folder in the GLDv2 layout")
    test = Queries(csv=folder / "test.csv", images=folder / "test", solution=folder / "solution.csv")
    own = Queries(
        csv=folder / "validation.csv", images=folder / "validation", solution=folder / "validation_solution.csv"
    )
    held_out = not own.csv.is_file()
    return Layout(
        train_csv=out / "held_out" / "train.csv" if held_out else folder / "train.csv",
        train_images=folder / "train",
        validation=_hold_out(folder, config, out / "held_out") if held_out else own,
        test=test,
        names=next((folder / name for name in _NAME_FILES if (folder / name).is_file()), None),
    )


def _hold_out(folder: Path, config: ChainConfig, out: Path) -> Queries:
    """Takes a share of every landmark's photographs away from training; every second one becomes a stand-in."""
    rows = read_photographs(folder / "train.csv")
    share = config.held_out
    plan = SplitPlan(names=(schema.TRAIN_SPLIT, "validation"), fractions=(1 - share, share))
    # assign_splits numbers the parts in the plan's order.
    part = assign_splits(rows, plan, config.seed)
    queries = rows[part == 1].sort_values(schema.ID, ignore_index=True)
    stands_in = queries.index % 2 == 1
    shown = [
        ("" if stand_in else str(mark)) for stand_in, mark in zip(stands_in, queries[schema.LANDMARK], strict=True)
    ]
    solution = pd.DataFrame({schema.ID: queries[schema.ID], schema.LANDMARKS: shown, schema.USAGE: "Public"})
    tables = {
        "train.csv": rows[part == 0],
        "validation.csv": queries[[schema.ID]],
        "validation_solution.csv": solution,
        STAND_IN_FILE: queries[stands_in],
    }
    for name, table in tables.items():
        with atomic_write(out / name, newline="") as file:
            table.to_csv(file, index=False, lineterminator="\n")
    return Queries(
        csv=out / "validation.csv",
        images=folder / "train",
        solution=out / "validation_solution.csv",
        stand_ins=out / STAND_IN_FILE,
    )

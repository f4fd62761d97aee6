"""Tunes a system on validation queries: the gate's threshold, calibrated confidence; and judges its partition."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from delf_verify.reliability import draw_reliability, expected_calibration_error, reliability_table
from delf_verify.sources import PhotographSource
from tfland.metrics.gap import Truth, average_precision, count_landmark_queries, kaggle_order, relevance
from tfland.recognition.calibration import Calibration, fit_isotonic, fit_temperature
from tfland.recognition.methods import head_probabilities, recognise, row_blocks
from tfland.recognition.observe import GATE, Observations, observe
from tfland.recognition.partition import cross_assign, write_cross_assignment
from tfland.recognition.submission import write_refused
from tfland.recognition.system import Member, System
from tfrecords_builder import schema
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.terminal import Refused

logger = logging.getLogger(__name__)

Kind = Literal["isotonic", "temperature"]
# Validation queries that a temperature is fitted on, spread evenly: of 81,313 classes each look costs 0.2 TFLOP.
_SAMPLE = 2048
_THRESHOLDS = 400


@dataclass(frozen=True, kw_only=True)
class _Validation:
    """The validation queries that could be read.

    Attributes:
        seen: what the networks said of all queries.
        truth: the landmarks of every query, of the unreadable too.
        table: the best prediction of each query before calibration, columns id, landmark_id, score.
        right: [M] bool, whether each of these is right.
        gates: [M] float32, the gate's probability for their queries; 1 without a gate.
    """

    seen: Observations
    truth: Truth
    table: pd.DataFrame
    right: np.ndarray
    gates: np.ndarray


def calibrate(
    system: System,
    truth: Truth,
    source: PhotographSource,
    out: Path,
    *,
    kind: Kind = "isotonic",
    min_right_kept: float = 0.9,
    work: Path,
) -> dict[str, float]:
    """Writes calibration.json and what it rests on: tables and pictures.

    Args:
        system: opened without a calibration; its gate's threshold is not used.
        truth: for every validation query the landmarks it shows; never those that will be scored.
        source: opens their photographs.
        out: folder for calibration.json, reliability.csv and .png; gate_thresholds.csv with a gate;
            cross_assignment.csv and .png where the heads of several classifiers decide.
        kind: "isotonic" fits the final confidence of any method, "temperature" the softmax of each classifier.
        min_right_kept: share of the right predictions that the gate must let through.
        work: see `tfland.recognition.predict.predict`.

    Returns:
        "gap" of all predictions; with a gate "gate_threshold", "gap_behind_gate" and "gap_behind_gate_at_half";
        "error_before" (where confidences are probabilities) and "error": the expected calibration error;
        "assigned_right".

    Raises:
        ValueError: a temperature for a method without the head, min_right_kept is no share, or queries that tell
            nothing: of a gate all with or all without a landmark.
        Refused: everything is written, but some photographs could not be read.
        OSError: a file cannot be written.
    """
    _check(system, kind, min_right_kept)
    system = replace(system, threshold=0.0, calibration=None)
    seen = observe(system.observers(), list(truth), source, work)
    if not len(seen.seen):
        raise ValueError(f"none of the {len(truth)} validation queries could be read; is it the right folder?")
    fitted = Calibration(system=system.fingerprint(), method=system.config.method)
    if kind == "temperature":
        fitted = replace(fitted, temperatures=tuple(_temperature(part, seen, truth) for part in system.members))
    queries = _ask(replace(system, calibration=fitted), seen, truth)
    out.mkdir(parents=True, exist_ok=True)
    figures = {"gap": _gap(queries, np.ones(len(queries.right), bool))}
    kept = np.ones(len(queries.right), dtype=bool)
    if system.gate is not None:
        threshold, gate_figures = _tune_gate(queries, min_right_kept, out)
        figures |= gate_figures
        fitted, kept = replace(fitted, gate_threshold=threshold), queries.gates >= threshold
    scores, right = queries.table[schema.SCORE].to_numpy()[kept], queries.right[kept]
    if kind == "isotonic":
        corners, heights = fit_isotonic(scores, right)
        fitted = replace(fitted, confidences=corners, probabilities=heights)
    plain = _ask(system, seen, truth) if kind == "temperature" else queries
    before = plain.table[schema.SCORE].to_numpy()[kept], plain.right[kept]
    figures |= _judge(before, (_held_out(scores, right) if kind == "isotonic" else scores, right), out)
    if len(system.members) > 1 and system.config.method in ("head", "blend"):
        figures["assigned_right"] = _judge_partition(system, seen, truth, out)
    fitted.save(out)
    _report_refused(seen, len(truth), out / schema.REFUSED_FILE)
    return figures


def _report_refused(seen: Observations, queries: int, listed: Path) -> None:
    if seen.refused:
        write_refused(listed, seen.refused)
        raise Refused(f"{len(seen.refused)} of {queries} photographs could not be read; see {listed}")


def _check(system: System, kind: Kind, min_right_kept: float) -> None:
    if kind == "temperature" and system.config.method != "head":
        raise ValueError(f'kind is "temperature", which method "head" has; take isotonic for "{system.config.method}"')
    if not 0 <= min_right_kept <= 1:
        raise ValueError(f"min_right_kept is {min_right_kept}; give a share from 0 to 1")


def _ask(system: System, seen: Observations, truth: Truth) -> _Validation:
    table = recognise(system, seen)
    ids = table[schema.ID].to_numpy(object)
    places = {name: place for place, name in enumerate(seen.ids)}
    gates = np.ones(len(table), np.float32)
    if GATE in seen.vectors:
        gates = seen.vectors[GATE][[places[name] for name in ids], 0]
    right = relevance(ids, table[schema.LANDMARK].to_numpy(np.int64), truth)
    return _Validation(seen=seen, truth=truth, table=table, right=right, gates=gates)


def _gap(queries: _Validation, kept: np.ndarray) -> float:
    rows = queries.table[kept]
    order = kaggle_order(*(rows[name].to_numpy() for name in (schema.ID, schema.LANDMARK, schema.SCORE)))
    return average_precision(queries.right[kept][order], count_landmark_queries(queries.truth))


def _tune_gate(queries: _Validation, min_right_kept: float, out: Path) -> tuple[float, dict[str, float]]:
    """The threshold of the highest GAP, of equal ones the lowest; writes gate_thresholds.csv.

    It must keep `min_right_kept` of the right predictions: GAP alone, on few queries, may prefer the two surest ones.
    """
    shows = np.array([bool(queries.truth[name]) for name in queries.table[schema.ID]])
    if shows.all() or not shows.any():
        raise ValueError(
            f"all {len(shows)} validation queries are {'with' if shows.all() else 'without'} a landmark; a gate is "
            "tuned on queries of both kinds, give a solution in which some rows are empty"
        )
    values = np.unique(queries.gates.astype(np.float64))
    middles = np.concatenate([[0.0], (values[1:] + values[:-1]) / 2])
    if len(middles) > _THRESHOLDS:
        middles = middles[np.unique(np.linspace(0, len(middles) - 1, _THRESHOLDS).astype(int))]
    rows = []
    for threshold in middles:
        kept = queries.gates >= threshold
        right_kept = (kept & queries.right).sum() / max(queries.right.sum(), 1)
        rows.append((threshold, _gap(queries, kept), kept[shows].mean(), 1 - kept[~shows].mean(), right_kept))
    # The first threshold keeps everything.
    best = max([rows[0], *(row for row in rows if row[4] >= min_right_kept)], key=lambda row: (row[1], -row[0]))
    with atomic_write(out / "gate_thresholds.csv", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["threshold", "gap", "landmarks_kept", "distractors_rejected", "right_kept"])
        writer.writerows([f"{number:.6g}" for number in row] for row in rows)
    at_half = _gap(queries, queries.gates >= 0.5)
    return float(best[0]), {
        "gate_threshold": float(best[0]),
        "gap_behind_gate": float(best[1]),
        "gap_behind_gate_at_half": at_half,
    }


def _temperature(member: Member, seen: Observations, truth: Truth) -> float:
    """T of a classifier, from the queries that show one of its landmarks."""
    label_of = {landmark: label for label, landmark in enumerate(member.landmark_ids.tolist())}
    known = [
        (row, label_of[mark])
        for row in seen.seen.tolist()
        if len(truth[seen.ids[row]]) == 1 and (mark := next(iter(truth[seen.ids[row]]))) in label_of
    ]
    if not known:
        raise ValueError(f"no validation query shows a landmark of classifier {member.name}; give others")
    chosen = np.array(known)[np.unique(np.linspace(0, len(known) - 1, min(len(known), _SAMPLE)).astype(int))]
    rows, labels = chosen[:, 0], chosen[:, 1]

    def loss(temperature: float) -> float:
        total, done = 0.0, 0
        for block in row_blocks(member, rows):
            probabilities = head_probabilities(member, seen, block, temperature)
            own = probabilities[np.arange(len(block)), labels[done : done + len(block)]]
            total -= float(np.log(np.maximum(own.astype(np.float64), 1e-30)).sum())
            done += len(block)
        return total / len(rows)

    temperature = fit_temperature(loss)
    logger.info("classifier %s: temperature %.3f, %d queries", member.name, temperature, len(rows))
    return temperature


def _held_out(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The calibrated confidence of every second prediction from a curve that the others gave, and the other way round.

    A curve is always right about the predictions that it was fitted on; the picture must not show that.
    """
    calibrated = np.empty(len(scores))
    half = np.arange(len(scores)) % 2 == 0
    for fit, ask in ((half, ~half), (~half, half)):
        if not fit.any() or not ask.any():
            return _curve(scores, right).apply(scores)
        calibrated[ask] = _curve(scores[fit], right[fit]).apply(scores[ask])
    return calibrated


def _curve(scores: np.ndarray, right: np.ndarray) -> Calibration:
    corners, heights = fit_isotonic(scores, right)
    return Calibration(system="", method="", confidences=corners, probabilities=heights)


_Answers = tuple[np.ndarray, np.ndarray]


def _judge(before: _Answers, after: _Answers, out: Path) -> dict[str, float]:
    """Writes reliability.csv and .png from confidences and whether they are right; returns the calibration errors."""
    tables = {"calibrated": reliability_table(*after)}
    # Votes and the winner's sums are no probabilities: nothing can be said of them before.
    if ((before[0] >= 0) & (before[0] <= 1)).all():
        tables = {"as the method gives it": reliability_table(*before), **tables}
    with atomic_write(out / "reliability.csv", newline="") as file:
        parts = [table.assign(confidence_is=name) for name, table in tables.items()]
        pd.concat(parts, ignore_index=True).to_csv(file, index=False, lineterminator="\n", float_format="%.6g")
    draw_reliability(out / "reliability.png", tables)
    errors = [expected_calibration_error(table) for table in tables.values()]
    return {"error": errors[-1]} if len(errors) == 1 else {"error_before": errors[0], "error": errors[1]}


def _judge_partition(system: System, seen: Observations, truth: Truth, out: Path) -> float:
    """Writes the table of seed 000, section 4.3.2; returns the share of photographs that are assigned right."""
    rows = seen.seen
    homes = _homes(system.members, [truth[seen.ids[row]] for row in rows.tolist()])
    best = np.stack(
        [
            np.concatenate([head_probabilities(part, seen, block).max(axis=1) for block in row_blocks(part, rows)])
            for part in system.members
        ]
    )
    sizes = [len(part.landmark_ids) for part in system.members]
    table = cross_assign([part.name for part in system.members], sizes, best, homes)
    write_cross_assignment(out, table)
    return table.right_share


def _homes(members: Sequence[Member], shown: Sequence[frozenset[int]]) -> np.ndarray:
    """[N] int, the classifier that has a landmark of each query; -1 for none."""
    home_of = {mark: part.number for part in reversed(members) for mark in part.landmark_ids.tolist()}
    return np.array([next((home_of[mark] for mark in marks if mark in home_of), -1) for marks in shown], dtype=np.int64)

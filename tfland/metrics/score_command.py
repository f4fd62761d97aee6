"""What `tfland score` does: figures with intervals, a comparison, and a folder of tables and plots."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfland.metrics.bootstrap import Interval, bootstrap, paired_bootstrap
from tfland.metrics.compare import changes, count_changes
from tfland.metrics.retrieval_files import load_retrieved
from tfland.metrics.score_files import Scored, load_scored, read_class_sizes, score_files
from tfland.metrics.score_report import write_comparison, write_retrieval, write_scores
from tfrecords_builder import catalog
from tfrecords_builder.csv_table import read_header
from tfrecords_builder.json_files import write_json
from tfrecords_builder.schema import IMAGES

SCORES = "scores.json"


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What to score and how.

    Attributes:
        predictions: a submission, candidates or a retrieval submission; None for a verified table alone.
        solution: that of the predictions.
        verified: folder of `tfland verify`.
        against: predictions to compare with.
        class_sizes: labels.csv or train.csv.
        out: folder of tables and plots; None writes none.
        resamples: of the bootstrap; 0 for no intervals.
        seed: of the bootstrap.
    """

    predictions: Path | None = None
    solution: Path | None = None
    verified: Path | None = None
    against: Path | None = None
    class_sizes: Path | None = None
    out: Path | None = None
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 0:
            raise ValueError(f"resamples={self.resamples}: give 0 for no intervals, or a number of draws such as 1000")
        for name in ("against", "out"):
            if getattr(self, name) is not None and self.predictions is None:
                raise ValueError(f"--{name} needs --predictions CSV")
        if self.class_sizes is not None and self.out is None:
            raise ValueError("--class-sizes is for the tables and plots: give --out DIR too")


def run(config: ScoreConfig) -> dict[str, Any]:
    """Returns the figures by name, "intervals" of some of them, and the "comparison"; writes the folder.

    Raises:
        ValueError: the files do not belong together or are not of the right form; see `score_files`.
        OSError: a file cannot be read or written.
    """
    if config.predictions is not None and config.solution is not None and IMAGES in read_header(config.predictions):
        result = _score_retrieval(config, config.predictions, config.solution)
    elif config.predictions is None or config.solution is None:
        result = dict(score_files(config.predictions, config.solution, config.verified))
    else:
        result = _score_recognition(config, config.predictions, config.solution)
    if config.out is not None:
        write_json(config.out / SCORES, result)
    return result


def _score_retrieval(config: ScoreConfig, predictions: Path, solution: Path) -> dict[str, Any]:
    if config.against is not None or config.verified is not None:
        raise ValueError(
            f"{predictions} holds results of retrieval (id,images): --against and --verified need landmarks"
        )
    retrieved = load_retrieved(predictions, solution)
    if config.out is not None:
        write_retrieval(config.out, retrieved)
    return dict(retrieved.figures())


def _score_recognition(config: ScoreConfig, predictions: Path, solution: Path) -> dict[str, Any]:
    answers = catalog.read_solution(solution)
    scored = load_scored(predictions, answers)
    result: dict[str, Any] = dict(scored.figures)
    if config.verified is not None:
        result |= score_files(None, solution, config.verified)
    if config.resamples:
        intervals = bootstrap(scored.judged, seed=config.seed, resamples=config.resamples)
        result["intervals"] = _as_json(intervals)
    if config.out is not None:
        sizes = None if config.class_sizes is None else read_class_sizes(config.class_sizes)
        write_scores(config.out, scored.judged, sizes, name=predictions.name)
    if config.against is not None:
        result["comparison"] = _compare(config, scored, load_scored(config.against, answers))
    return result


def _compare(config: ScoreConfig, scored: Scored, against: Scored) -> dict[str, Any]:
    """Returns the differences (ours minus the other's), their intervals and the kinds of change."""
    shared = [name for name in scored.figures if isinstance(scored.figures[name], float) and name in against.figures]
    found: dict[str, Any] = {
        "against": {name: against.figures[name] for name in shared},
        "differences": {name: scored.figures[name] - against.figures[name] for name in shared},
        "changes": count_changes(changes(against.judged, scored.judged)),
    }
    if config.resamples:
        intervals = paired_bootstrap(against.judged, scored.judged, seed=config.seed, resamples=config.resamples)
        found["intervals"] = _as_json(intervals)
    if config.out is not None and config.against is not None and config.predictions is not None:
        write_comparison(config.out, against.judged, scored.judged, (config.against.name, config.predictions.name))
    return found


def _as_json(intervals: dict[str, Interval]) -> dict[str, dict[str, float]]:
    return {name: asdict(interval) for name, interval in intervals.items()}


def lines(result: dict[str, Any]) -> list[str]:
    """Returns a result of `run` as lines for a person."""
    intervals, comparison = result.get("intervals", {}), result.get("comparison")
    figures = {name: value for name, value in result.items() if name not in ("intervals", "comparison")}
    written = _figure_lines(figures, intervals, sign="")
    if comparison is not None:
        written += ["", "difference to the predictions compared against"]
        written += _figure_lines(comparison["differences"], comparison.get("intervals", {}), sign="+")
        written += ["", "queries whose prediction changed"]
        written += _figure_lines(comparison["changes"], {}, sign="")
    return written


def _figure_lines(figures: dict[str, Any], intervals: dict[str, Any], *, sign: str) -> list[str]:
    width = max(map(len, figures), default=0)
    written = []
    for name, value in figures.items():
        line = f"{name:<{width}}  " + (f"{value:{sign}.6f}" if isinstance(value, float) else f"{value}")
        if name in intervals:
            interval = intervals[name]
            line += f"  ({interval['low']:{sign}.6f} to {interval['high']:{sign}.6f}, {interval['level']:.0%} interval)"
        written.append(line)
    return written

"""The chain from photographs to a verified score, in order."""

import json
import logging
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tfland.demo.config import ChainConfig
from tfland.demo.layout import make_photographs
from tfland.demo.stages import Experiments, Ledger, build, fit_delf, predict_queries, train_all
from tfland.demo.verification import Verifier
from tfland.metrics.bootstrap import paired_bootstrap_gap
from tfland.metrics.scores import kept, predictions_of, score, score_verified, truth_of
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.catalog import read_solution, read_submission

SUMMARY_FILE = "summary.json"

logger = logging.getLogger(__name__)


def run_chain(config: ChainConfig, out: Path, *, workers: int = 2) -> dict[str, Any]:
    """Runs every stage that is not done yet, and returns the figures of OUT/summary.json.

    Args:
        config: the run's settings.
        out: its folder. Killed and called again it goes on.
        workers: processes of the stages that use several.

    Raises:
        ValueError: a setting is wrong (before the first photograph), or `out` holds a run with other settings.
        OSError: a file or folder is missing or cannot be written.
    """
    experiments = Experiments.of(config, out)
    ledger = Ledger(out, config)
    ledger.run("photographs", lambda: make_photographs(config, out))
    # Found again, not made again: what is there is skipped.
    layout = make_photographs(config, out)
    ledger.run("shards", lambda: build(config, layout, out, workers))
    train_all(experiments, ledger)
    if "delf" in config.extractors:
        ledger.run("fit DELF", lambda: fit_delf(config, layout, out))
    ledger.run("predict validation", lambda: predict_queries(layout.validation, out, "validation"))
    ledger.run("predict test", lambda: predict_queries(layout.test, out, "test"))
    verifier = Verifier(config=config, layout=layout, out=out, workers=workers)
    for extractor in config.extractors:
        ledger.run(f"tune {extractor}", partial(verifier.tune, extractor))
    chosen = verifier.choose()
    ledger.run(f"verify test with {chosen}", lambda: verifier.verify_test(chosen))
    summary = summarise(config, out, layout.test.solution, verifier, chosen, ledger.seconds)
    with atomic_write(out / SUMMARY_FILE) as file:
        json.dump(summary, file, indent=2)
    return summary


def summarise(
    config: ChainConfig, out: Path, solution: Path, verifier: Verifier, extractor: str, seconds: Mapping[str, float]
) -> dict[str, Any]:
    """The figures of a finished run, and its report.

    Args:
        config: the run's settings.
        out: its folder.
        solution: of the test queries.
        verifier: has verified them.
        extractor: the chosen one.
        seconds: duration of each stage.
    """
    truth = truth_of(read_solution(solution))
    table = verifier.read_test(extractor)
    predictions = predictions_of(read_submission(out / "predictions" / "test.csv"), truth)
    after = predictions_of(kept(table), truth)
    gain = paired_bootstrap_gap(predictions, after, truth, seed=config.seed)
    figures: dict[str, Any] = dict(score_verified(table, truth))
    figures |= {"gap_gain": asdict(gain), "top1": score(predictions, truth)["top1"], "extractor": extractor}
    figures["seconds"] = dict(seconds)
    figures["peak_memory_gib"] = round(_peak_memory_gib(), 2)
    figures["report"] = str(verifier.write_report(extractor, figures))
    return figures


def table_of(summary: Mapping[str, Any]) -> str:
    """The figures of a run as a small table for a terminal."""
    gain = summary["gap_gain"]
    rows = [
        ("GAP of the classifier alone", f"{summary['gap_classifier']:.3f}"),
        ("GAP after verification", f"{summary['gap_verified']:.3f}"),
        ("  gain, 95 % interval", f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"),
        ("top-1 on landmark queries", f"{summary['top1']:.1%}"),
        ("distractors rejected", f"{summary['distractors_rejected']:.1%}"),
        ("true predictions kept", f"{summary['true_kept']:.1%}"),
        ("local features", summary["extractor"]),
        ("peak memory of one process", f"{summary['peak_memory_gib']:.1f} GiB"),
    ]
    rows += [(f"seconds: {name}", f"{value:.0f}") for name, value in summary["seconds"].items()]
    rows.append(("seconds: all", f"{sum(summary['seconds'].values()):.0f}"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _peak_memory_gib() -> float:
    """The larger of this process's and its largest child's peak resident memory."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    # Linux counts in KiB, macOS in bytes.
    return peak / (2**30 if sys.platform == "darwin" else 2**20)

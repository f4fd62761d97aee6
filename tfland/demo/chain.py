"""The chain from photographs to a verified score, in order."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tfland.demo.config import ChainConfig
from tfland.demo.layout import Queries, make_photographs
from tfland.demo.stages import Experiments, Ledger, build, make_extractor, predict_queries, train_all
from tfland.demo.verification import Verifier
from tfland.metrics.bootstrap import paired_bootstrap_gap
from tfland.metrics.scores import kept, predictions_of, score, score_verified, truth_of
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.catalog import read_solution

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
    delf = "delf" in config.extractors
    train_all(experiments, ledger, delf=delf)
    if delf:
        ledger.run("fit DELF", lambda: make_extractor(config, layout, out))
    ledger.run("predict validation", lambda: predict_queries(layout.validation, out, "validation"))
    ledger.run("predict test", lambda: predict_queries(layout.test, out, "test"))
    verifier = Verifier(config=config, layout=layout, out=out, workers=workers)
    for extractor in config.extractors:
        ledger.run(f"tune {extractor}", partial(verifier.tune, extractor))
    areas = verifier.separation()
    # The first of equals, and the names are sorted: the choice never depends on the order in the YAML.
    chosen = max(areas, key=lambda name: areas[name])
    ledger.run(f"verify test with {chosen}", lambda: verifier.verify_test(chosen))
    summary = summarise(config, layout.test, verifier, chosen)
    summary |= {"validation_auc": areas, "seconds": ledger.seconds, "peak_memory_gib": ledger.peak_memory_gib}
    summary["report"] = str(verifier.write_report(chosen, summary))
    with atomic_write(out / SUMMARY_FILE) as file:
        json.dump(summary, file, indent=2)
    return summary


def summarise(config: ChainConfig, queries: Queries, verifier: Verifier, extractor: str) -> dict[str, Any]:
    """The scores of a finished run.

    Args:
        config: the run's settings.
        queries: the test queries.
        verifier: has verified them.
        extractor: the chosen one.
    """
    truth = truth_of(read_solution(queries.solution))
    table = verifier.read_test(extractor)
    before, after = (predictions_of(rows, truth) for rows in (table, kept(table)))
    gain = paired_bootstrap_gap(before, after, truth, seed=config.seed)
    figures: dict[str, Any] = dict(score_verified(table, truth))
    return figures | {"gap_gain": asdict(gain), "top1": score(before, truth)["top1"], "extractor": extractor}


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
        ("local features (validation AUC)", _choice(summary)),
        ("peak memory of one process", f"{summary['peak_memory_gib']:.1f} GiB"),
    ]
    rows += [(f"seconds: {name}", f"{value:.0f}") for name, value in summary["seconds"].items()]
    rows.append(("seconds: all", f"{sum(summary['seconds'].values()):.0f}"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _choice(summary: Mapping[str, Any]) -> str:
    areas = ", ".join(f"{name} {area:.3f}" for name, area in summary["validation_auc"].items())
    return f"{summary['extractor']} ({areas})"

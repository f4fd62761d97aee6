"""GAP before and after verification, by seed 003's fixed thresholds and by thresholds tuned on validation queries.

    python benchmarks/verification_gap.py [--data landmarks15 | toyworld] [--seeds 3] [--work DIR]

The chain of `tfland demo` for each seed: a ResNet18 from random weights predicts, RootSIFT verifies, thresholds are
tuned on validation queries alone. landmarks15 are real photographs (../shared/data/landmarks15); the toyworld has 98 %
distractors, as Google-Landmarks-v2's test set has. Killed and run again, it goes on.
"""

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.decision import Thresholds, decide_table
from delf_verify.verified_files import read_verified
from tfland.demo.chain import run_chain
from tfland.demo.config import DEFAULT, ChainConfig, load_chain
from tfland.demo.layout import make_photographs
from tfland.metrics.bootstrap import Interval, paired_bootstrap_gap
from tfland.metrics.scores import kept, predictions_of, score_verified, truth_of
from tfrecords_builder.catalog import read_solution

ROOT = Path(__file__).resolve().parents[1]
QUERIES, DISTRACTORS = 5000, 0.98


def settings(data: str, seed: int) -> ChainConfig:
    """The chain of one seed, verified by RootSIFT alone."""
    if data == "landmarks15":
        config = load_chain(ROOT / "configs" / "landmarks15_smoke.yaml", seed=seed)
        config = replace(config, photographs=str(ROOT / "../shared/data/landmarks15"))
    else:
        config = load_chain(DEFAULT, seed=seed)
        toyworld = replace(config.toyworld, queries=QUERIES, distractor_share=DISTRACTORS)
        config = replace(config, toyworld=toyworld)
    return replace(config, extractors=["sift"])


def verified_tables(out: Path) -> dict[str, pd.DataFrame]:
    """The test queries' table by both rules: the evidence is the same."""
    tuned = read_verified(out / "verified" / "test_sift")
    return {"fixed": tuned.assign(verdict=decide_table(tuned, Thresholds())), "tuned": tuned}


def figures(config: ChainConfig, out: Path) -> dict[str, tuple[Mapping[str, float], Interval]]:
    """The scores by rule, and the gain in GAP with its paired interval."""
    truth = truth_of(read_solution(make_photographs(config, out).test.solution))
    found: dict[str, tuple[Mapping[str, float], Interval]] = {}
    for name, table in verified_tables(out).items():
        before, after = (predictions_of(rows, truth) for rows in (table, kept(table)))
        gain = paired_bootstrap_gap(before, after, truth, seed=config.seed)
        found[name] = score_verified(table, truth), gain
    return found


def line(label: str, rule: str, scores: Mapping[str, float], gain: str) -> str:
    """A row of the table."""
    columns = ("gap_classifier", "gap_verified")
    shares = ("distractors_rejected", "true_kept")
    gaps, percents = (" | ".join(f"{scores[c]:{f}}" for c in names) for names, f in ((columns, ".3f"), (shares, ".1%")))
    return f"| {label} | {rule} | {gaps} | {gain} | {percents} |"


def main() -> None:
    """Runs the chains and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["landmarks15", "toyworld"], default="landmarks15")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "verification_gap")
    options = parser.parse_args()
    rows: dict[str, list[tuple[Mapping[str, float], Interval]]] = {"fixed": [], "tuned": []}
    lines = []
    for seed in range(options.seeds):
        config, out = settings(options.data, seed), options.work / f"{options.data}_{seed}"
        run_chain(config, out, workers=options.workers)
        for rule, (scores, gain) in figures(config, out).items():
            rows[rule].append((scores, gain))
            interval = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
            lines.append(line(f"seed {seed}", rule, scores, interval))
    for rule, found in rows.items():
        mean = {name: float(np.mean([scores[name] for scores, _ in found])) for name in found[0][0]}
        gains = np.array([gain.value for _, gain in found])
        lines.append(line("mean", rule, mean, f"{gains.mean():+.3f} (seeds {gains.min():+.3f} to {gains.max():+.3f})"))
    print("| | thresholds | GAP alone | GAP verified | gain, paired 95 % interval | distractors rejected | true kept |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

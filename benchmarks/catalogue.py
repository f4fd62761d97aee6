"""Times loading, filtering and splitting a catalogue of Google Landmarks v2's size, and its peak memory.

    python benchmarks/catalogue.py [--rows 4132914] [--classes 203094]

Writes a CSV in the form of GLDv2's train.csv (id,url,landmark_id) with a long tail of classes, then, in a process of
its own so that its peak memory is its own, reads it, keeps classes of at least 6 photographs and divides them 72/18/10.
The goal is 30 s and 3 GiB.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS, CLASSES, SEED = 4_132_914, 203_094, 0  # the full GLDv2 (reference numbers of its train.csv)
_URL = "https://upload.wikimedia.org/wikipedia/commons/{0}/{0}{1}/Photograph_of_a_landmark_{2}.jpg"
_MEASURE = """
import resource, sys, time
started = time.perf_counter()
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.selection import Selection, select
from tfrecords_builder.splits import parse_plan, split_photographs
steps = []
def lap(name, rows):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    steps.append((name, rows, time.perf_counter() - started, time.process_time(), peak))
lap("imports", 0)
photographs = read_photographs(sys.argv[1])
lap("load", len(photographs))
chosen = select(photographs, Selection(min_images=6))
lap("filter", len(chosen))
parts = split_photographs(chosen, parse_plan(["validation=0.18", "test=0.10"]), 0)
lap("split", sum(map(len, parts.values())))
before = used = 0.0
print(f"{'step':<10}{'rows':>12}{'seconds':>10}{'processor':>11}{'peak GiB':>10}")
for name, rows, now, processor, peak in steps:
    print(f"{name:<10}{rows:>12,}{now - before:>10.1f}{processor - used:>11.1f}{peak:>10.2f}")
    before, used = now, processor
print(f"{'together':<10}{'':>12}{before:>10.1f}{used:>11.1f}{steps[-1][4]:>10.2f}")
"""


def write_catalogue(path: Path, rows: int, classes: int) -> None:
    """Writes `rows` photographs of `classes` landmarks (Zipf-like sizes, every landmark at least once)."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    weights = 1.0 / np.arange(1, classes + 1) ** 0.8
    landmarks = np.concatenate([np.arange(classes), rng.choice(classes, rows - classes, p=weights / weights.sum())])
    rng.shuffle(landmarks)
    # An odd multiplier permutes the 64-bit numbers: ids never repeat.
    ids = np.arange(rows, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    with path.open("w") as file:
        file.write("id,url,landmark_id\n")
        for number, (image_id, landmark) in enumerate(zip(ids.tolist(), landmarks.tolist(), strict=True)):
            text = f"{image_id:016x}"
            file.write(f"{text},{_URL.format(text[0], text[1], number)},{landmark}\n")


def main() -> None:
    """Prints seconds, processor seconds and peak memory of each step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--classes", type=int, default=CLASSES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder) / "train.csv"
        started = time.perf_counter()
        write_catalogue(csv, options.rows, options.classes)
        print(
            f"{csv.stat().st_size / 1e6:,.0f} MB of CSV written in {time.perf_counter() - started:.0f} s (not counted)"
        )
        subprocess.run([sys.executable, "-c", _MEASURE, str(csv)], check=True)


if __name__ == "__main__":
    main()

"""The table at the end of a run; tests/integration/test_demo.py runs the whole chain."""

from tfland.demo.chain import table_of

SUMMARY = {
    "gap_classifier": 0.5,
    "gap_verified": 0.61,
    "gap_gain": {"value": 0.11, "low": 0.05, "high": 0.2, "level": 0.95},
    "top1": 0.75,
    "distractors_rejected": 0.9,
    "true_kept": 0.987,
    "extractor": "sift",
    "validation_auc": {"delf": 0.4, "sift": 0.6},
    "peak_memory_gib": 2.41,
    "seconds": {"shards": 1.2, "train classifier": 99.9},
}


def test_every_figure_has_a_line() -> None:
    lines = dict(line.split("  ", 1) for line in (row.strip() for row in table_of(SUMMARY).splitlines()))
    found = {name: value.strip() for name, value in lines.items()}
    assert found["GAP of the classifier alone"] == "0.500"
    assert found["GAP after verification"] == "0.610"
    assert found["gain, 95 % interval"] == "+0.110 (+0.050 to +0.200)"
    assert found["true predictions kept"] == "98.7%"
    assert found["local features (validation AUC)"] == "sift (delf 0.400, sift 0.600)"
    assert found["seconds: all"] == "101"

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from delf_verify.evidence import ImageEvidence
from delf_verify.report_evidence import EvidenceTable

NAMES = ["a", 'b"c', "d,e\nf", "g"]


def test_every_row_is_found_again_whatever_the_order(make_verification: Callable[..., Path]) -> None:
    generator = np.random.default_rng(0)
    rows = [
        (query, landmark, f"image{place}", 50 + place, place, round(float(generator.random()), 6))
        for place, (query, landmark) in enumerate((query, landmark) for query in NAMES for landmark in (5, -3, 10**12))
        for _ in range(3)
    ]
    generator.shuffle(rows)
    found = EvidenceTable.read(make_verification([], rows))
    for query in NAMES:
        for landmark in (5, -3, 10**12):
            expected = tuple(ImageEvidence(*row[2:]) for row in rows if row[:2] == (query, landmark))
            assert found.of_query(query, landmark).images == expected
    assert found.of_query("a", 6).images == ()
    assert found.of_query("z", 5).images == ()


def test_no_rows(make_verification: Callable[..., Path]) -> None:
    assert EvidenceTable.read(make_verification([])).of_query("a", 5).images == ()


def test_a_file_that_is_none(make_verification: Callable[..., Path]) -> None:
    folder = make_verification([], [("a", 5, "b", "many", 3, 0.5)])
    with pytest.raises(ValueError, match=r"evidence.csv is damaged.*run tfland verify again"):
        EvidenceTable.read(folder)
    (folder / "evidence.csv").write_text("id,other\na,b\n")
    with pytest.raises(ValueError, match="has the columns"):
        EvidenceTable.read(folder)
    (folder / "evidence.csv").unlink()
    with pytest.raises(FileNotFoundError, match="tfland verify writes it"):
        EvidenceTable.read(folder)

"""docs/FORMATS.md says what the code does."""

import runpy
from pathlib import Path

import pytest

from tfrecords_builder import schema

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def page() -> str:
    return runpy.run_path(str(DOCS / "make_formats.py"))["page"]()


def test_the_page_is_what_the_code_says(page: str) -> None:
    assert (DOCS / "FORMATS.md").read_text() == page, "run: python docs/make_formats.py"


def test_every_feature_and_file_is_on_it(page: str) -> None:
    for name, value in vars(schema).items():
        if name.endswith("_FILE") or (isinstance(value, str) and value.startswith("image/")):
            assert value in page, name


def test_every_row_of_its_tables_has_a_meaning(page: str) -> None:
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) > 50
    assert all(cell.strip() for row in rows for cell in row.strip("|").replace("\\|", "").split("|"))

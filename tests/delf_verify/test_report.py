import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from delf_verify.comparison_job import Evidence
from delf_verify.decision import Thresholds
from delf_verify.drawn_evidence import Drawing
from delf_verify.evidence import ImageEvidence, QueryEvidence
from delf_verify.report import ReportConfig, names_of, report_folder, write_report
from delf_verify.verified_files import VERIFIED_COLUMNS
from tfrecords_builder.catalog import read_solution

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
RULE = Thresholds(max_inliers=60, mean_inliers=40, distractor_inliers=20)


class Page(HTMLParser):
    """Gathers elements, attributes and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def hostile_report(out: Path, rows: int = 1, cards: int = 1, **options: object) -> Path:
    table = pd.DataFrame(
        [
            [f"{HOSTILE}{row}", 7, 0.5, "confirmed", 40.0, 9.0, 0.8, 0.5, 0.9, 1, HOSTILE, HOSTILE]
            for row in range(rows)
        ],
        columns=VERIFIED_COLUMNS,
    )
    evidence: Evidence = {
        (f"{HOSTILE}{row}", 7): QueryEvidence.of(
            (ImageEvidence(HOSTILE, 50, 40, 0.5), ImageEvidence(HOSTILE, 5, 4, 0.1))
        )
        for row in range(rows)
    }
    return write_report(
        out,
        table,
        {"gap_classifier": 0.1, "gap_verified": 0.2, "seconds": {HOSTILE: 3.0}},
        thresholds=Thresholds(),
        drawings={row: Drawing(jpeg=b"", width=0, height=0, trouble=HOSTILE) for row in range(cards)},
        evidence=evidence,
        refused=pd.DataFrame([[HOSTILE] * 4], columns=["id", "reason", "detail", "role"]),
        settings={"queries": HOSTILE},
        truth=pd.DataFrame({"id": [f"{HOSTILE}0"], "landmarks": [(7,)]}),
        labels={7: HOSTILE},
        **options,
    )


def test_a_report_of_a_verification(verified_folder: Path, verify_world: SimpleNamespace) -> None:
    figures = {"gap_classifier": 0.4321, "gap_verified": 0.5432, "distractors_rejected": 1.0, "true_kept": 0.987}
    page = report_folder(
        verified_folder, figures=figures, truth=read_solution(verify_world.solution), labels={10: "tower"}
    )
    text = page.read_text()
    for figure in ("0.543", "0.432", "100.0%", "98.7%"):
        assert figure in text
    parsed = Page(text)
    pictures = [attributes for tag, attributes in parsed.elements if tag == "img"]
    assert len(pictures) == 9, "every compared prediction has a card"
    assert all(str(picture["src"]).startswith("data:image/jpeg;base64,") for picture in pictures)
    data = json.loads(parsed.scripts[0])
    assert len(data["rows"]) == 11
    assert data["rows"][0][:3] == ["query10x0", 10, "tower"]
    assert data["rows"][0][10] == "#card-0"


def test_nothing_is_loaded_from_anywhere(verified_folder: Path) -> None:
    for path in (report_folder(verified_folder).parent).iterdir():
        page = Page(path.read_text())
        for tag, attributes in page.elements:
            assert tag not in ("link", "iframe", "object", "embed", "base")
            for name in ("src", "href"):
                value = attributes.get(name) or ""
                assert re.match(r"^(data:image/jpeg|#card-|evidence-\d{3}\.html#|index\.html|$)", value), value
        assert "@import" not in path.read_text()
        assert "url(" not in path.read_text()


def test_the_same_input_gives_the_same_bytes(verified_folder: Path) -> None:
    before = bytes_of(report_folder(verified_folder).parent)
    shutil.rmtree(verified_folder / "report")
    assert bytes_of(report_folder(verified_folder).parent) == before


@pytest.mark.slow
def test_workers_draw_the_same(verified_folder: Path) -> None:
    before = bytes_of(report_folder(verified_folder).parent)
    assert bytes_of(report_folder(verified_folder, config=ReportConfig(workers=2)).parent) == before


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    text = hostile_report(tmp_path).read_text()
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("script") == 2, "the data and our own"
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "alert(1)" not in page.scripts[-1]
    assert json.loads(page.scripts[0])["rows"][0][0] == f"{HOSTILE}0"
    assert "img" not in [tag for tag, _ in page.elements]


def test_only_our_script_may_run(tmp_path: Path) -> None:
    import base64
    import hashlib

    page = Page(hostile_report(tmp_path).read_text())
    policy = next(str(a["content"]) for t, a in page.elements if t == "meta" and a.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(page.scripts[-1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.slow
def test_a_browser_shows_the_table_and_runs_nothing_else(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    page = hostile_report(tmp_path, rows=3)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    result = subprocess.run([browser, *flags], capture_output=True, text=True, timeout=120, check=True)
    dom = Page(result.stdout)
    assert [tag for tag, _ in dom.elements].count("td") > 3 * 9, "our script filled the table in"
    assert not any(name.startswith("on") for _, attributes in dom.elements for name in attributes)
    assert "img" not in [tag for tag, _ in dom.elements]


def test_cards_are_spread_over_pages_and_old_pages_go(tmp_path: Path) -> None:
    hostile_report(tmp_path, rows=5, cards=5, config=ReportConfig(cards_per_page=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evidence-002.html", "evidence-003.html", "index.html"]
    rows = json.loads(Page((tmp_path / "index.html").read_text()).scripts[0])["rows"]
    assert [row[10] for row in rows] == [
        "#card-0",
        "#card-1",
        "evidence-002.html#card-2",
        "evidence-002.html#card-3",
        "evidence-003.html#card-4",
    ]
    assert 'id="card-3"' in (tmp_path / "evidence-002.html").read_text()
    hostile_report(tmp_path, rows=5, cards=5)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_many_predictions_stay_below_20_mb(tmp_path: Path) -> None:
    count = 100_000
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in range(count)],
            "landmark_id": generator.integers(0, 200_000, count),
            "score": generator.random(count),
            "verdict": "distractor",
            "max_inliers": 4.0,
            "mean_inliers": generator.random(count),
            "inlier_ratio": 0.5,
            "spread": 0.25,
            "probability": 0.01,
            "images_compared": 20,
            "best_image_id": [f"{number:016x}" for number in range(count)],
            "reason": "x" * 150,
        }
    )
    refused = pd.DataFrame({"id": ["a"] * 500, "reason": "empty", "detail": "", "role": "query"})
    page = write_report(
        tmp_path, table, {}, thresholds=Thresholds(), drawings={}, evidence={}, refused=refused, settings={}
    )
    # 60 cards of at most 0.15 MB could be on the page as well.
    assert page.stat().st_size < 11e6
    assert "the first 200 of them here" in page.read_text()


def test_photographs_that_are_gone_do_not_stop_a_report(verified_folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(verified_folder, moved)
    record = json.loads((moved / "verify.json").read_text())
    (moved / "verify.json").write_text(json.dumps(record | {"queries": str(tmp_path / "gone")}))
    assert "the photographs are no longer where they were" in report_folder(moved).read_text()
    del record["query_features"]
    (moved / "verify.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="lacks 'query_features': run tfland verify again"):
        report_folder(moved)


def test_an_unfinished_verification_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no finished verification"):
        report_folder(tmp_path)


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="max_cards=-1"):
        ReportConfig(max_cards=-1)
    with pytest.raises(ValueError, match="cards_per_page=100: give 1 to 60"):
        ReportConfig(cards_per_page=100)


def test_names() -> None:
    assert names_of(pd.DataFrame({"landmark_id": ["7"], "category": ["tower"]})) == {7: "tower"}

import base64
import hashlib
import json
import re
import shutil
import tracemalloc
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from delf_verify import report as report_module
from delf_verify.drawn_evidence import Drawing, DrawTask
from delf_verify.report import ReportConfig, names_of, report_folder
from tfrecords_builder.catalog import read_solution

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'& javascript:alert(3) \u202etxt.exe\u2066"


class Page(HTMLParser):
    """Gathers elements, attributes and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
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
        else:
            self.text += data


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def prediction(
    query: str, landmark: int = 7, verdict: str = "confirmed", best: str = "best", reason: str = "r"
) -> list:
    return [query, landmark, 0.5, verdict, 40, 9.0, 0.8, 0.5, 0.9, 2, best, reason]


Hostile = Callable[..., Path]


@pytest.fixture
def hostile_report(make_verification: Callable[..., Path]) -> Hostile:
    """A function (rows, **options) -> first page of a report in which all that comes from data is hostile."""

    def make(rows: int = 1, **options: int) -> Path:
        folder = make_verification(
            [prediction(f"{HOSTILE}{row}", best=HOSTILE, reason=HOSTILE) for row in range(rows)],
            [
                (f"{HOSTILE}{row}", 7, image, 50, inliers, 0.5)
                for row in range(rows)
                for image, inliers in ((HOSTILE, 40), ("x" * 400, 4))
            ],
            [[HOSTILE] * 4],
            features=HOSTILE,
        )
        return report_folder(
            folder,
            figures={"gap_classifier": 0.1, "gap_verified": 0.2, "seconds": {HOSTILE: 3.0}},
            truth=pd.DataFrame({"id": [f"{HOSTILE}0"], "landmarks": [(7,)]}),
            labels={7: HOSTILE},
            config=ReportConfig(**options),
        )

    return make


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
    assert len(data["id"]) == 11
    assert (data["id"][0], data["landmark"][0], data["labels"]["10"]) == ("query10x0", 10, "tower")
    cards = [attributes["id"] for tag, attributes in parsed.elements if tag == "article"]
    assert sorted(cards) == sorted(f"card-{number}" for number in data["card"] if number)
    for words in ("at least 60 inliers", "more than 40 on average", "fewer than 20 inliers"):
        assert words in parsed.text, "the thresholds are told in words"


def test_nothing_is_loaded_from_anywhere(verified_folder: Path) -> None:
    for path in (report_folder(verified_folder, config=ReportConfig(cards_per_page=2)).parent).iterdir():
        page = Page(path.read_text())
        for tag, attributes in page.elements:
            assert tag not in ("link", "iframe", "object", "embed", "base")
            for name in ("src", "href"):
                value = attributes.get(name) or ""
                allowed = r"^(data:image/jpeg|#|evidence-\d{3}\.html#|index\.html|$)"
                assert re.match(allowed, value), value
        assert "@import" not in path.read_text()
        assert "url(" not in path.read_text()


def test_the_same_input_gives_the_same_bytes(verified_folder: Path) -> None:
    config = ReportConfig(cards_per_page=2)
    before = bytes_of(report_folder(verified_folder, config=config).parent)
    assert bytes_of(report_folder(verified_folder, config=config).parent) == before, "pages that are there are kept"
    shutil.rmtree(verified_folder / "report")
    assert bytes_of(report_folder(verified_folder, config=config).parent) == before


@pytest.mark.slow
def test_workers_draw_the_same(verified_folder: Path) -> None:
    before = bytes_of(report_folder(verified_folder).parent)
    shutil.rmtree(verified_folder / "report")
    assert bytes_of(report_folder(verified_folder, config=ReportConfig(workers=2)).parent) == before


def test_a_killed_run_leaves_no_report_and_goes_on(verified_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ReportConfig(cards_per_page=2)
    page = report_folder(verified_folder, config=config)
    before = bytes_of(page.parent)
    for path in page.parent.glob("evidence-*.html"):
        path.unlink()
    (page.parent / ".evidence-002.html.abc.partial").write_text("half")
    drawn: list[DrawTask] = []

    original = report_module.MakeDrawer

    class DyingDrawer(original):  # type: ignore[misc, valid-type]
        def __call__(self) -> Callable[[DrawTask], Drawing]:  # type: ignore[override]
            draw = super().__call__()

            def call(task: DrawTask) -> Drawing:
                drawn.append(task)
                if len(drawn) == 4:
                    raise KeyboardInterrupt
                return draw(task)

            return call

    monkeypatch.setattr(report_module, "MakeDrawer", DyingDrawer)
    with pytest.raises(KeyboardInterrupt):
        report_folder(verified_folder, config=config)
    assert [path.name for path in page.parent.iterdir()] == ["evidence-002.html"], "no first page: no half report"
    assert report_folder(verified_folder, config=config) == page
    assert len(drawn) == 4 + 9 - 2, "the page that was done is not drawn again"
    assert bytes_of(page.parent) == before


def test_other_settings_make_a_page_anew(verified_folder: Path) -> None:
    config = ReportConfig(cards_per_page=2)
    page = report_folder(verified_folder, config=config).parent / "evidence-002.html"
    before = page.read_text()
    report_folder(verified_folder, config=config, labels={10: "tower", 20: "bridge", 30: "gate"})
    assert page.read_text() != before


def test_hostile_text_stays_text(hostile_report: Hostile) -> None:
    page = Page(hostile_report(rows=2, cards_per_page=1).read_text())
    assert [tag for tag, _ in page.elements].count("script") == 2, "the data and our own"
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not any("javascript" in (attributes.get("href") or "") for _, attributes in page.elements)
    assert "alert(1)" not in page.scripts[-1]
    assert json.loads(page.scripts[0])["id"][0].startswith("</script><script>alert(1)</script><img")
    assert "img" not in [tag for tag, _ in page.elements]
    assert "\u202e" not in page.text + page.scripts[0]
    assert "⟨U+202E⟩txt.exe⟨U+2066⟩" in page.text
    assert "(400 characters)" in page.text
    other = Page((hostile_report(rows=2, cards_per_page=1).parent / "evidence-002.html").read_text())
    assert [tag for tag, _ in other.elements].count("script") == 1


def test_only_our_script_may_run(hostile_report: Hostile) -> None:
    page = Page(hostile_report().read_text())
    policy = next(str(a["content"]) for t, a in page.elements if t == "meta" and a.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(page.scripts[-1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_cards_are_spread_over_pages_and_old_pages_go(hostile_report: Hostile) -> None:
    folder = hostile_report(rows=5, cards_per_page=2).parent
    assert sorted(path.name for path in folder.iterdir()) == ["evidence-002.html", "evidence-003.html", "index.html"]
    assert 'id="card-4"' in (folder / "evidence-002.html").read_text()
    assert 'id="card-5"' in (folder / "evidence-003.html").read_text()
    data = json.loads(Page((folder / "index.html").read_text()).scripts[0])
    assert (data["card"], data["pages"]) == ([1, 2, 3, 4, 5], {"size": 2, "digits": 3})
    (folder / "predictions-002.html").write_text("of an older report")
    hostile_report(rows=5)
    assert [path.name for path in folder.iterdir()] == ["index.html"]


def test_other_candidates_stand_on_the_card(make_verification: Callable[..., Path]) -> None:
    rows = [
        ["q", 1, 0.9, "wrong", 6, 6.0, 0.1, 0.2, 0.2, 1, "a", "too little"],
        ["q", 2, 0.5, "confirmed", 50, 50.0, 0.8, 0.6, 0.97, 1, "b", "it agrees"],
        ["q", 3, 0.1, "unverified", "", "", "", "", "", 0, "", "landmark 3 has no index image"],
        ["p", 2, 0.4, "distractor", 3, 3.0, 0.1, 0.0, 0.1, 1, "b", "nothing agrees"],
    ]
    images = [("q", 1, "a", 60, 6, 0.2), ("q", 2, "b", 62, 50, 0.6), ("p", 2, "b", 30, 3, 0.0)]
    page = Page(report_folder(make_verification(rows, images), labels={1: "arch", 2: "bridge"}).read_text())
    data = json.loads(page.scripts[0])
    assert data["card"] == [1, 1, 1, 2], "one card a query: its most probable candidate"
    names = [attributes["aria-labelledby"] for tag, attributes in page.elements if tag == "article"]
    assert names == ["name-1", "name-2"]
    card = page.text[page.text.index("It agrees.") : page.text.index("Nothing agrees.")]
    assert card.index("arch") < card.index("landmark 3")
    assert "wrong" in card and "unverified" in card and "20%" in card and "–" in card
    assert "4 predictions for 2 photographs" in page.text


@pytest.mark.slow
def test_100_000_predictions_and_cards(make_verification: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    count = 100_000
    ids = [hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(count)]
    folder = make_verification(
        (
            [query, number % 999, number / count, "wrong", 7, 6.1, 0.123456, 0.654321, 0.123456, 2, query, "x" * 150]
            for number, query in enumerate(ids)
        ),
        (
            (query, number % 999, image, 50, inliers, 0.654321)
            for number, query in enumerate(ids)
            for image, inliers in ((query, 7), ("second", 5))
        ),
        [["a", "empty", "", "query"]] * 500,
    )
    page = report_folder(folder, config=ReportConfig(max_cards=0))
    assert page.stat().st_size < 14e6, "and 24 cards of at most 0.27 MB"
    assert "the first 200 of them here" in page.read_text()
    shutil.rmtree(page.parent)

    picture = Drawing(jpeg=b"x" * 180_000, width=100, height=100)
    monkeypatch.setattr(report_module.MakeDrawer, "__call__", lambda self: lambda task: picture)
    written: list[int] = []

    def instead_of_writing(writer: object, number: int, cards: list, mark: str) -> None:
        written.append(len(cards))

    monkeypatch.setattr("delf_verify.report_pages.PageWriter.write_cards", instead_of_writing)
    tracemalloc.start()
    page = report_folder(folder, config=ReportConfig(max_cards=count, cards_per_page=24))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(written), sum(written)) == (4166, count - 24)
    assert page.stat().st_size < 20e6
    assert peak < 500e6, "18 GB of pictures are never held together"


def test_rows_beyond_a_page_go_to_further_ones(
    make_verification: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delf_verify.report_table.MOST_BYTES", 450)
    rows = [
        ["q" * 100 + str(row), -1, "", "unverified", *[""] * 5, 0, "", "no prediction was made"] for row in range(5)
    ]
    folder = report_folder(make_verification(rows)).parent
    pages = [folder / name for name in ("index.html", "predictions-002.html", "predictions-003.html")]
    found = [json.loads(Page(page.read_text()).scripts[0])["id"] for page in pages]
    assert [len(ids) for ids in found] == [2, 2, 1]
    assert [one for ids in found for one in ids] == [row[0] for row in rows]
    assert "predictions-003.html" in pages[0].read_text()


def test_photographs_that_are_gone_do_not_stop_a_report(verified_folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(verified_folder, moved)
    record = json.loads((moved / "verify.json").read_text())
    (moved / "verify.json").write_text(json.dumps(record | {"queries": str(tmp_path / "gone")}))
    config = ReportConfig(cards_per_page=5)
    gone = report_folder(moved, config=config).parent / "evidence-002.html"
    assert "the photographs are no longer where they were" in gone.read_text()
    (tmp_path / "gone").symlink_to(record["queries"])
    report_folder(moved, config=config)
    assert "no longer" not in gone.read_text(), "a page without its pictures is tried again"
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
    with pytest.raises(ValueError, match="cards_per_page=100: give 1 to 24"):
        ReportConfig(cards_per_page=100)


def test_names() -> None:
    assert names_of(pd.DataFrame({"landmark_id": ["7"], "category": ["tower"]})) == {7: "tower"}

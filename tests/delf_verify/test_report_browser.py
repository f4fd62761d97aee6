"""The report in a real browser: what a person does with the table, and that hostile text stays text."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from delf_verify.report import ReportConfig, report_folder

pytestmark = pytest.mark.slow
HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">'&"
PHONE, LAPTOP = (390, 844), (1280, 800)


class Browser:
    """Chromium, spoken to through its debugging pipe.

    Args:
        binary: of Chromium.
        profile: an empty folder.
    """

    def __init__(self, binary: str, profile: Path) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on descriptor 4; a shell puts them there.
        shell = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        self._process = subprocess.Popen(
            ["bash", "-c", shell, binary, *flags, "--remote-debugging-pipe", f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in, self._rest, self._number = ours_out, ours_in, b"", 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **params: Any) -> Any:
        """The answer to a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {} if self._session is None else {"sessionId": self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> Any:
        while b"\0" not in self._rest:
            found = os.read(self._in, 1 << 20)
            assert found, "Chromium ended"
            self._rest += found
        first, self._rest = self._rest.split(b"\0", 1)
        return json.loads(first)

    def open(self, page: Path, size: tuple[int, int] = LAPTOP) -> None:
        """Shows a page and waits until it is complete."""
        width, height = size
        mobile = size == PHONE
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.call("Page.navigate", url=page.as_uri())
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Presses and releases a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def column(self, key: str) -> list[str]:
        """The texts of a column of the table, from top to bottom."""
        return self.run(f"[...document.querySelectorAll('#rows tbody .at-{key}')].map(one => one.textContent)")

    def click(self, selector: str) -> None:
        """Clicks on an element."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def type_into(self, values: dict[str, str]) -> str:
        """Fills in fields of the form and returns the number of rows that are left, in words."""
        for field, value in values.items():
            self.run(f"document.getElementById({field!r}).value = {value!r}")
        self.run("document.getElementById('search').dispatchEvent(new Event('input', {bubbles: true}))")
        self.run("new Promise(done => setTimeout(done, 300))")
        return self.run("document.getElementById('position').textContent")

    def close(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(timeout=30)
        os.close(self._out)
        os.close(self._in)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("no Chromium here")
    found = Browser(binary, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def report(make_verification: Callable[..., Path]) -> Path:
    """First page of 120 predictions: query q007 has probability 0.07 and 107 inliers; every third is a distractor."""
    rows = [
        [
            f"q{number:03d}",
            number % 4,
            round(1 - number / 1000, 3),
            "distractor" if number % 3 == 0 else "confirmed",
            100 + number,
            5.5,
            0.25,
            0.5,
            number / 100 if number <= 100 else "",
            1,
            f"best{number}",
            "it agrees",
        ]
        for number in range(120)
    ]
    images = [(row[0], row[1], row[10], 400, row[4], 0.5) for row in rows]
    truth = pd.DataFrame({"id": [row[0] for row in rows], "landmarks": [(0,)] * len(rows)})
    folder = make_verification(rows, images)
    return report_folder(folder, truth=truth, labels={1: "arch"}, config=ReportConfig(max_cards=3))


def test_columns_sort_both_ways_and_what_is_unknown_comes_last(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.column("id")[:2] == ["q000", "q001"], "the highest score first"
    browser.click("#rows [data-key=probability] button")
    assert browser.column("id")[:2] == ["q100", "q099"]
    browser.click("#rows [data-key=probability] button")
    assert browser.column("id")[:2] == ["q000", "q001"]
    heads = (
        "[...document.querySelectorAll('#rows thead th')].map(one => [one.dataset.key, one.getAttribute('aria-sort')])"
    )
    assert [key for key, order in browser.run(heads) if order == "ascending"] == ["probability"]
    browser.click("#last")
    assert browser.column("id")[-2:] == ["q118", "q119"], "unknown probabilities"
    assert browser.column("probability")[-1] == "–"


def test_filters(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.click("#chips button[data-group=verdict]:nth-of-type(1)")
    assert set(browser.column("verdict")) == {"confirmed"}
    browser.click("#chips button[data-group=truth]")
    assert set(browser.column("truth")) == {"right"}
    assert browser.run("document.querySelectorAll('#chips [aria-pressed=true]').length") == 2
    browser.click("#filters button[type=reset]")
    assert browser.run("document.getElementById('position').textContent") == "1 to 50 of 120"
    assert browser.type_into({"search": "BEST11"}) == "1 to 11 of 11"
    assert browser.type_into({"search": "arch"}) == "1 to 30 of 30"
    assert browser.type_into({"search": "", "measure": "inliers", "least": "105", "most": "107"}) == "1 to 3 of 3"
    assert browser.type_into({"measure": "probability", "least": "0.99", "most": ""}) == "1 to 2 of 2"
    assert browser.type_into({"search": "no such thing"}) == "nothing fits"


def test_pages_of_the_table(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.click("#after")
    assert browser.column("id")[0] == "q050"
    browser.click("#last")
    assert browser.column("id") == [f"q{number:03d}" for number in range(100, 120)]
    assert browser.run("document.getElementById('after').disabled && document.getElementById('last').disabled")
    browser.click("#before")
    assert browser.column("id")[0] == "q050"
    browser.click("#first")
    assert browser.run("document.getElementById('before').disabled")


def test_the_keyboard_reaches_everything(browser: Browser, report: Path) -> None:
    browser.open(report)
    reached = []
    for _ in range(60):
        browser.press("Tab", 9)
        reached.append(browser.run("document.activeElement.id || document.activeElement.textContent.trim()"))
        if reached[-1] == "inliers" and browser.run("document.activeElement.tagName") == "BUTTON":
            break
    assert {"search", "confirmed", "measure", "least", "Clear", "query"} <= set(reached)
    assert reached[0] == "To the table of predictions"
    browser.press("Enter", 13)
    assert browser.column("inliers")[0] == "219"
    assert browser.run("document.activeElement.textContent") == "inliers", "the focus stays"


@pytest.mark.parametrize("size", [PHONE, LAPTOP])
def test_no_page_is_wider_than_the_screen(browser: Browser, report: Path, size: tuple[int, int]) -> None:
    browser.open(report, size)
    assert browser.run("document.documentElement.scrollWidth") <= size[0]
    role = "[...document.querySelectorAll('#rows tbody tr:first-child > *')].map(one => one.getAttribute('role'))"
    assert browser.run(role)[0] == "rowheader", "also where the rows are no longer laid out as a table"
    assert browser.run("document.querySelectorAll('#rows tbody tr').length") == (20 if size == PHONE else 50)


@pytest.mark.parametrize("size", [PHONE, LAPTOP])
def test_hostile_text_runs_nothing_and_breaks_nothing(
    browser: Browser, make_verification: Callable[..., Path], size: tuple[int, int]
) -> None:
    name = HOSTILE + "\u202e" + "w" * 250
    folder = make_verification(
        [[name, 7, 0.5, "unverified", 40, 9.0, 0.8, 0.5, 0.9, 1, name, name]],
        [(name, 7, name, 50, 40, 0.5)],
        [[name] * 4],
    )
    page = report_folder(folder, labels={7: name}, figures={"seconds": {name: 1.0}}, config=ReportConfig(title=name))
    browser.open(page, size)
    browser.run("new Promise(done => setTimeout(done, 200))")
    assert browser.run("document.title").startswith("</script><script>document.title=")
    assert browser.run("document.querySelectorAll('img, main script:not(#data)').length") == 0
    assert browser.run("[...document.querySelectorAll('a')].every(one => !one.href.startsWith('javascript'))")
    assert browser.column("id")[0].startswith("</script><script>")
    assert "⟨U+202E⟩" in browser.column("best")[0]
    assert browser.run("document.documentElement.scrollWidth") <= size[0]


def test_a_picture_is_enlarged_and_closed_by_keyboard(browser: Browser, verified_folder: Path) -> None:
    browser.open(report_folder(verified_folder))
    browser.run("document.querySelector('.picture').focus()")
    browser.press("Enter", 13)
    assert browser.run("document.querySelector('dialog').open")
    assert browser.run("document.querySelector('dialog img').naturalHeight") == 360
    browser.press("Escape", 27)
    assert not browser.run("document.querySelector('dialog').open")
    assert browser.run("document.activeElement.className") == "picture", "the focus returns"
    shot = base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"])
    assert len(shot) > 10_000


def test_100_000_rows_load_and_sort(
    browser: Browser, make_verification: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(100_000)]
    rows = (
        [
            query,
            n * 7919 % 81_313,
            n / 1e5,
            "wrong",
            n * 31 % 997,
            6.12,
            0.123456,
            0.654321,
            n * 37 % 1009 / 1009,
            20,
            query,
            "r",
        ]
        for n, query in enumerate(ids)
    )
    page = report_folder(make_verification(rows), config=ReportConfig(max_cards=0))
    start = time.perf_counter()
    browser.open(page)
    seconds = {"load": time.perf_counter() - start}
    for key in ("inliers", "probability", "landmark", "id"):
        timed = f"const start = performance.now(); document.querySelector('#rows [data-key={key}] button').click();"
        timed += "document.body.offsetHeight; return (performance.now() - start) / 1000;"
        seconds[f"sort by {key}"] = browser.run(f"(() => {{{timed}}})()")
    assert browser.column("id")[0] == min(ids)
    seconds["filter"] = browser.run("performance.now()")
    assert browser.type_into({"search": ids[77_777]}) == "1 to 1 of 1"
    seconds["filter"] = (browser.run("performance.now()") - seconds["filter"]) / 1000 - 0.3
    with capsys.disabled():
        figures = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
        print(f"\n100,000 rows, {page.stat().st_size / 1e6:.1f} MB: {figures}")
    assert max(seconds.values()) < 15, "about a second each where nothing else runs"

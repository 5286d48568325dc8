"""The page of a blind comparison in a real browser: keys, buttons, hidden sides and the export."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from evalharness.records import Message
from evalharness.report.blind import AnswerPair, Side, blind_page, first_side

_A, _B = Side("run-of-a", "model-of-a", "plain"), Side("run-of-b", "model-of-b", "plain")
_HOSTILE = (
    "</script><script>document.title='sprung'</script>",
    "<img src=x onerror=\"document.title='sprung'\">",
    "<svg onload=\"document.title='sprung'\">",
    '"><a href="javascript:document.title=1">x</a>',
    "<style>body{background:url(http://example.invalid/x)}</style>",
    "<meta http-equiv=refresh content='0;url=http://example.invalid/'>",
    "<!--<script>",
    "line\nend \u2028 tab\t",
    "word " * 30_000,
)


@dataclass
class Opened:
    """A page with its requests, errors and downloads."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, place: str) -> str:
        """The text of an element."""
        found: str = self.page.inner_text(place)
        return found

    def exported(self) -> list[dict[str, Any]]:
        """Click on the export, and return its lines."""
        with self.page.expect_download() as waiting:
            self.page.click("#export")
        assert waiting.value.suggested_filename == "evalharness-labels.jsonl"
        return [json.loads(line) for line in Path(waiting.value.path()).read_text().splitlines()]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[[Sequence[AnswerPair]], Opened]]:
    """Open the page of some choices from a file, offline."""
    context = browser.new_context(offline=True, accept_downloads=True)

    def open_page(choices: Sequence[AnswerPair]) -> Opened:
        file = tmp_path / "blind.html"
        file.write_text(blind_page("demo", _A, _B, choices, "seed"), encoding="utf-8")
        opened = Opened(context.new_page())
        opened.page.set_default_timeout(60_000)
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.errors.append(message.text))
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.goto(file.as_uri())
        opened.requests.remove(file.as_uri())
        return opened

    yield open_page
    context.close()


def choices(count: int) -> list[AnswerPair]:
    """Cases with two answers that name their side."""
    messages = (Message("user", "What now?"),)
    return [
        AnswerPair(f"case-{n}", "", "", messages, ("gold",), f"answer of a {n}", f"answer of b {n}")
        for n in range(count)
    ]


def test_by_keyboard(show: Callable[..., Opened]) -> None:
    """Each key chooses and moves on, u undoes, the export has the preferences, and no request is sent."""
    opened = show(choices(6))
    assert opened.text("#place") == "1 of 6"
    opened.press("ArrowLeft", "ArrowRight", "=", "s")
    assert opened.text("#place") == "5 of 6"
    opened.press("u", "Backspace")
    assert opened.text("#place") == "3 of 6"
    opened.press("e", "x", "s", "1")
    assert opened.text("#place") == "all 6 cases done"
    opened.page.fill("#by", " Ada ")
    header, *lines = opened.exported()
    assert (header["kind"], header["suite"], header["seed"], header["by"]) == ("labels", "demo", "seed", "Ada")
    assert (header["a"]["run"], header["b"]["run"], header["cases"]) == ("run-of-a", "run-of-b", 6)
    assert all(line["first"] == first_side("seed", line["case"], "", "") for line in lines)
    other = {"a": "b", "b": "a"}
    left, right = lines[0]["first"], other[lines[1]["first"]]
    assert [line["choice"] for line in lines] == [left, right, "equal", "bad", "skip", lines[5]["first"]]
    assert len({line["case"] for line in lines}) == 6
    assert (opened.requests, opened.errors) == ([], [])


def test_by_mouse(show: Callable[..., Opened]) -> None:
    """The buttons do the same, and are disabled when they have no effect."""
    opened = show(choices(2))
    assert opened.page.is_disabled("[data-value=undo]")
    assert opened.page.is_disabled("#export")
    opened.page.click("[data-value=bad]")
    assert opened.text("#place") == "2 of 2"
    opened.page.click("[data-value=undo]")
    assert opened.text("#place") == "1 of 2"
    opened.page.click("[data-value=left]")
    opened.page.click("[data-value=right]")
    assert opened.page.is_disabled("[data-value=left]")
    first, second = opened.exported()[1:]
    assert first["choice"] == first["first"]
    assert second["choice"] != second["first"]
    assert opened.text("#exported") == "2 choices exported"


def test_typing_a_name_chooses_nothing(show: Callable[..., Opened]) -> None:
    """Keys in the name field choose nothing."""
    opened = show(choices(2))
    opened.page.click("#by")
    opened.press("s", "x", "u", "e")
    assert opened.text("#place") == "1 of 2"


def test_blind(show: Callable[..., Opened]) -> None:
    """The sides stay hidden until they are revealed at the end; then no choice can be undone."""
    shown = choices(24)
    opened = show(shown)
    lefts = []
    for _ in shown:
        shown = opened.page.evaluate(
            "() => { const all = document.documentElement.cloneNode(true);"
            " all.querySelectorAll('script, style').forEach((one) => one.remove()); return all.outerHTML; }"
        )
        assert not any(word in shown for word in ("run-of-", "model-of-", '"a"', '"b"', "seed"))
        lefts.append("answer of a" in opened.text(".answers .part:first-child"))
        opened.press("ArrowLeft")
    assert 4 < sum(lefts) < 20
    assert "run-of-a" not in opened.text("#main")
    opened.press("u", "ArrowLeft")
    opened.page.click("#reveal")
    shown_text = opened.text("#main")
    assert f"A better: run-of-a model-of-a · plain\t{sum(lefts)}" in shown_text
    assert f"B better: run-of-b model-of-b · plain\t{24 - sum(lefts)}" in shown_text
    opened.press("u")
    assert opened.text("#place") == "all 24 cases done"


def test_hostile_text(show: Callable[..., Opened]) -> None:
    """Any text is shown unchanged, and takes no effect."""
    hostile = [
        AnswerPair(f"case-{n}{text[:80]}", text[:80], text[:80], (Message(text[:80], text),), (text,), text, f"{text}!")
        for n, text in enumerate(_HOSTILE)
    ]
    opened = show(hostile)
    seen = []
    for _ in hostile:
        seen.append(opened.page.text_content(".answers .part:nth-child(1) .text"))
        opened.press("=")
    whole = {text for text in _HOSTILE if len(text) < 1000 and "\u2028" not in text}
    assert whole <= {str(text).removesuffix("!") for text in seen}
    assert opened.page.title() == "evalharness blind comparison"
    assert (opened.requests, opened.errors) == ([], [])

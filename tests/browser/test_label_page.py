"""The page of labels in a real browser: keys, buttons, hidden versions, a reload and the export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from acting_texts import SOME, TEXTS
from choice_page import Opened
from playwright.sync_api import Browser

from evalharness.records.answer_label import LabelItem, Labelled
from evalharness.report.label_page import label_page

YES_NO = (("yes", 1.0), ("no", 0.0))


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[[Sequence[LabelItem]], Opened]]:
    """Open the page of some answers from a file, offline."""
    context = browser.new_context(offline=True, accept_downloads=True, viewport={"width": 1000, "height": 600})

    def open_page(items: Sequence[LabelItem]) -> Opened:
        file = tmp_path / "label.html"
        file.write_text(label_page("demo", "run-1", {"polite": "seed"}, 40, items), encoding="utf-8")
        opened = Opened(context.new_page())
        opened.page.set_default_timeout(60_000)
        own = file.as_uri()
        opened.page.on("request", lambda one: opened.requests.append(one.url) if one.url != own else None)
        opened.page.on("console", lambda message: opened.errors.append(message.text))
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.add_init_script("window.fired = []; window.fire = (number) => { window.fired.push(number); };")
        opened.page.goto(own)
        return opened

    yield open_page
    context.close()


def items(count: int, text: str = "Answer {}.", choices: tuple[tuple[str, float], ...] = YES_NO) -> list[LabelItem]:
    """Answers to cases of their own."""
    return [
        LabelItem(
            Labelled("q", f"case-{n}", "d", f"a{n}"),
            "polite",
            "Is it polite?",
            (("question", "What now?"), ("answer", text.format(n))),
            choices,
            "seed",
            drawn=True,
        )
        for n in range(count)
    ]


def test_by_keyboard(show: Callable[..., Opened]) -> None:
    """A key labels and moves on, b goes back, s skips, and the export has the labels alone; no request is sent."""
    opened = show(items(4)).start(" Ada ")
    assert opened.text("#place") == "1 of 4 · 0 labels"
    assert "Is it polite?" in opened.text("#ask")
    opened.press("y", "n", "b", "y", "s", "n")
    assert opened.text("#place") == "end · 3 labels"
    assert "1 of 4 skipped" in opened.text("#main")
    header, *lines = opened.exported()
    known = {name: header[name] for name in ("schema", "kind", "suite", "run", "seeds", "sample", "by")}
    assert known == {
        "schema": 1,
        "kind": "answer-labels",
        "suite": "demo",
        "run": "run-1",
        "seeds": {"polite": "seed"},
        "sample": 40,
        "by": "Ada",
    }
    assert [(line["of"]["case"], line["choice"]) for line in lines] == [
        ("case-0", "yes"),
        ("case-1", "yes"),
        ("case-3", "no"),
    ]
    assert lines[0]["of"] == {"question": "q", "case": "case-0", "digest": "d", "answer": "a0", "against": ""}
    assert (opened.requests, opened.errors) == ([], [])


def test_by_mouse(show: Callable[..., Opened]) -> None:
    """The buttons do the same, show the label so far, and skipped answers come again at the end."""
    opened = show(items(2)).start()
    assert opened.page.is_disabled("#export")
    opened.page.click("[data-key=s]")
    opened.page.click("[data-key=n]")
    opened.page.click("#main [data-key=s]")
    assert opened.text("#place") == "1 of 2 · 1 label"
    opened.page.click("[data-key=y]")
    assert opened.page.get_attribute("[data-key=n]", "aria-pressed") == "true"


def test_choices_survive_a_reload(show: Callable[..., Opened]) -> None:
    """The browser keeps the choices and the name, and goes on at the first open answer."""
    opened = show(items(3)).start()
    opened.press("y", "s", "n")
    opened.page.reload()
    assert opened.text("#place") == "2 of 3 · 2 labels"
    opened.press("n")
    header, *lines = opened.exported()
    assert (header["by"], [line["choice"] for line in lines]) == ("Ada", ["yes", "no", "no"])
    other = show(items(2)).start()
    assert other.text("#place") == "1 of 2 · 0 labels"


def test_the_buttons_are_always_in_view(show: Callable[..., Opened]) -> None:
    """Under an answer of many pages too, and with twenty choices."""
    choices = tuple((f"choice {chr(97 + number)}", float(number == 0)) for number in range(20))
    opened = show(items(1, "word " * 20_000, choices)).start()
    for key in ("1", "l", "s"):
        box = opened.page.locator(f"[data-key='{key}']").bounding_box()
        assert 0 <= box["y"] <= 600 - box["height"]


def test_the_name_comes_first(show: Callable[..., Opened]) -> None:
    """Without a name there is no label; keys in its field choose nothing; going back from the first answer edits it."""
    opened = show(items(2))
    opened.press("Enter")
    assert opened.text("#exported") == "Enter your name first."
    opened.page.click("h2")
    opened.press("y", "n")
    assert (opened.text("#place"), opened.page.locator("#choices button").count()) == ("2 answers", 0)
    opened.page.click("#by")
    opened.press("y", "s", "n", "Enter")
    assert opened.text("#place") == "1 of 2 · 0 labels"
    opened.press("b")
    assert opened.page.input_value("#by") == "ysn"
    opened.start("Bo").press("y")
    assert opened.exported()[0]["by"] == "Bo"


def test_hostile_texts(show: Callable[..., Opened]) -> None:
    """Texts, questions and choices stay text, in the page and in what the browser keeps."""
    texts = [TEXTS[number] for number in SOME]
    hostile = [
        LabelItem(
            Labelled("q", text[:100], "d", str(number)),
            text[:50],
            text[:300],
            (("answer", text),),
            ((text[:40] + "1", 1.0), (text[:40] + "2", 0.0)),
            text[:20],
            drawn=True,
        )
        for number, text in enumerate(texts)
    ]
    opened = show(hostile).start(texts[0])
    for _ in hostile:
        opened.press("2")
    assert opened.page.evaluate("window.fired") == []
    opened.page.reload()
    lines = opened.exported()[1:]
    assert [line["choice"] for line in lines] == [text[:40] + "2" for text in texts]
    assert opened.page.title() == "evalharness labels"
    assert (opened.requests, opened.errors) == ([], [])

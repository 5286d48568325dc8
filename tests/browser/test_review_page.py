"""The page of a blind comparison in a real browser: keys, buttons, hidden sides and the export."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from acting_texts import SOME, TEXTS
from choice_page import Opened
from playwright.sync_api import Browser

from evalharness.report.blind import AnswerPair, ShownPrompt, Side, blind_page, first_side
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

_A, _B = Side("run-of-a", "model-of-a", "plain"), Side("run-of-b", "model-of-b", "plain")
_PHONE = {"width": 390, "height": 700}


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open the page of some choices from a file, offline."""
    context = browser.new_context(offline=True, accept_downloads=True, viewport=_PHONE)

    def open_page(choices: Sequence[AnswerPair], sample: int | None = None) -> Opened:
        file = tmp_path / "blind.html"
        file.write_text(blind_page("demo", _A, _B, choices, "seed", sample), encoding="utf-8")
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


def choices(count: int, shown: ShownPrompt | None = None) -> list[AnswerPair]:
    """Cases with two answers that name their side."""
    asked = shown or ShownPrompt((("user", "What now?"),))
    return [
        AnswerPair(f"case-{n}", "", "", asked, ("gold",), f"answer of a {n}", f"answer of b {n}") for n in range(count)
    ]


def in_view(opened: Opened, selector: str) -> bool:
    """Whether an element is within the window."""
    box = opened.page.locator(selector).bounding_box()
    return bool(box) and box["y"] >= 0 and box["y"] + box["height"] <= _PHONE["height"]


def test_by_keyboard(show: Callable[..., Opened]) -> None:
    """Each key chooses and moves on, b goes back, the export has the preferences, and no request is sent."""
    opened = show(choices(6)).start(" Ada ")
    assert opened.text("#place") == "1 of 6 · 0 choices"
    opened.press("1", "2", "3", "s")
    assert opened.text("#place") == "5 of 6 · 3 choices"
    opened.press("b", "Backspace")
    assert opened.text("#place") == "3 of 6 · 3 choices"
    assert opened.page.get_attribute("[data-key='3']", "aria-pressed") == "true"
    opened.press("e", "x", "s", "ArrowLeft")
    assert opened.text("#place") == "end · 5 choices"
    assert "1 of 6 skipped" in opened.text("#main")
    header, *lines = opened.exported()
    assert (header["kind"], header["suite"], header["seed"], header["by"]) == ("labels", "demo", "seed", "Ada")
    assert (header["a"]["run"], header["b"]["run"], header["cases"], header["of"]) == ("run-of-a", "run-of-b", 6, 6)
    assert all(line["first"] == first_side("seed", line["case"], "", "") for line in lines)
    other = {"a": "b", "b": "a"}
    left, right = lines[0]["first"], other[lines[1]["first"]]
    assert [line["choice"] for line in lines] == [left, right, "equal", "bad", "skip", lines[5]["first"]]
    assert len({line["case"] for line in lines}) == 6
    assert (opened.requests, opened.errors) == ([], [])


def test_by_mouse(show: Callable[..., Opened]) -> None:
    """The buttons do the same; without a name or a choice there is nothing to choose or to export."""
    opened = show(choices(2))
    assert opened.page.locator("[data-key='1']").count() == 0
    opened.page.click("#start")
    assert opened.text("#exported") == "Enter your name first."
    opened.page.fill("#by", "Ada")
    opened.page.click("#start")
    assert opened.page.is_disabled("#export")
    opened.page.click("[data-key=x]")
    opened.page.click("[data-key=b]")
    assert opened.text("#place") == "1 of 2 · 1 choice"
    opened.page.click("[data-key='1']")
    opened.page.click("[data-key='2']")
    first, second = opened.exported()[1:]
    assert first["choice"] == first["first"]
    assert second["choice"] != second["first"]
    assert opened.text("#exported") == "2 choices exported"


def test_half_of_the_cases_are_exported(show: Callable[..., Opened]) -> None:
    """An export before the end has the choices so far, and the skipped cases."""
    opened = show(choices(5)).start()
    opened.press("1", "s", "3")
    assert [line["choice"] == "skip" for line in opened.exported()[1:]] == [False, True, False]


def test_choices_survive_a_reload(show: Callable[..., Opened]) -> None:
    """The browser keeps the choices and the name, and goes on at the first open case; another page starts empty."""
    opened = show(choices(4)).start()
    opened.press("1", "s", "2")
    opened.page.reload()
    assert opened.text("#place") == "4 of 4 · 2 choices"
    opened.press("3")
    header, *lines = opened.exported()
    assert (header["by"], len(lines), lines[1]["choice"], lines[3]["choice"]) == ("Ada", 4, "skip", "equal")
    assert show(choices(3)).text("#place") == "3 cases"


def test_the_question_and_the_buttons_are_in_view(show: Callable[..., Opened]) -> None:
    """On a phone, under texts of many pages, and at the top and the end of the page."""
    long = "word " * 20_000
    pair = AnswerPair("case", "", "", ShownPrompt((("user", "What now? " + long),)), (long,), long, long + "!")
    opened = show([pair]).start()
    assert opened.page.locator("h3:has-text('Question')").bounding_box()["y"] < 200
    for _ in range(2):
        assert all(in_view(opened, f"[data-key='{key}']") for key in "123xsb")
        assert in_view(opened, "#export")
        opened.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= _PHONE["width"]


def test_what_is_the_same_in_every_case_is_folded(show: Callable[..., Opened]) -> None:
    """The question comes first and the messages that all cases share are folded away, last."""
    same = (("system", "Be brief."), *(("user", f"Example {n}?") for n in range(8)))
    opened = show(choices(2, ShownPrompt((("user", "What now?"),), (("tool", "a result"),), same))).start()
    assert opened.text("#main").index("What now?") < opened.text("#main").index("answer of ")
    assert all(in_view(opened, f".answers .part:nth-child({n}) .text") for n in (1, 2))
    assert "a result" in opened.text("#main")
    assert opened.text(".same summary") == "The same in every case: 9 messages"
    assert not opened.page.is_visible("text=Example 7?")
    opened.page.click(".same summary")
    assert opened.page.is_visible("text=Example 7?")


def test_a_sample(show: Callable[..., Opened]) -> None:
    """A page of a sample has the first cases of the seed's order, and the export keeps both numbers."""
    opened = show(choices(40), 3)
    assert "These are 3 of 40 cases with different answers, drawn at random." in opened.text("#main")
    opened.start().press("1", "1", "1")
    header, *lines = opened.exported()
    assert (header["cases"], header["of"], len(lines)) == (3, 40, 3)
    whole = show(choices(40)).start()
    whole.press("1", "1", "1")
    assert whole.exported()[1:] == lines


def test_blind(show: Callable[..., Opened]) -> None:
    """The sides stay hidden until they are revealed at the end; then no choice can change, also after a reload."""
    shown = choices(24)
    opened = show(shown).start()
    lefts = []
    for _ in shown:
        shown = opened.page.evaluate(
            "() => { const all = document.documentElement.cloneNode(true);"
            " all.querySelectorAll('script, style').forEach((one) => one.remove()); return all.outerHTML; }"
        )
        shown = shown.replace('data-key="b"', "")
        assert not any(word in shown for word in ("run-of-", "model-of-", '"a"', '"b"', "seed"))
        lefts.append("answer of a" in opened.text(".answers .part:first-child"))
        opened.press("ArrowLeft")
    assert 4 < sum(lefts) < 20
    assert "run-of-a" not in opened.text("#main")
    opened.press("u", "ArrowLeft")
    opened.page.click("#reveal")
    for _ in range(2):
        revealed = opened.text("#main")
        assert f"A better: run-of-a model-of-a · plain\t{sum(lefts)}" in revealed
        assert f"B better: run-of-b model-of-b · plain\t{24 - sum(lefts)}" in revealed
        opened.press("u")
        assert opened.text("#place") == "end · 24 choices"
        opened.page.reload()


def test_from_a_run_to_the_result(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of one run, a person's keys, the import of the export without any option, and the result."""
    leave_ci(monkeypatch)
    project = Project(tmp_path)
    goldens = {f"case-{n}": "Yes." for n in range(9)}
    project.write_suite(goldens, models=["scripted", "other"])
    project.configure(other={"provider": "scripted", "answers": "other.json"})
    project.write("other.json", json.dumps(dict.fromkeys(goldens, "No.")))
    project.evaluate()
    html = tmp_path / "reports/blind.html"
    done = project.command("review", "demo", "--sides", "scripted,other", "--sample", "7", "--html", html)
    assert done.exit_code == 0, done.output
    page = browser.new_page(accept_downloads=True, viewport=_PHONE)
    page.goto(html.as_uri())
    opened = Opened(page).start()
    for _ in range(7):
        opened.press("1" if opened.text(".answers .part:first-child .text") == "Yes." else "2")
    with page.expect_download() as waiting:
        page.click("#export")
    waiting.value.save_as(tmp_path / "labels.jsonl")
    page.close()
    shown = project.command("labels", "import", tmp_path / "labels.jsonl").output.splitlines()
    assert shown[0] == "golden/labels/demo.jsonl: 7 of 7 labels are new"
    assert shown[-1] == "A is preferred in 7 of 7 cases: more than chance explains (p = 0.016)."
    assert project.command("labels", "tally", "demo").output.splitlines()[1:] == shown[1:]


def test_hostile_text(show: Callable[..., Opened]) -> None:
    """Any text stays text in every place of the page and in what the browser keeps."""
    texts = [TEXTS[number] for number in SOME]
    hostile = [
        AnswerPair(
            f"{n}{text[:80]}",
            text[:80],
            text[:80],
            ShownPrompt(((text[:80], text[:2000]),), ((text[:80], text[:2000]),), ((text[:80], text[:2000]),)),
            (text[:2000],),
            text[:2000],
            f"{text[:2000]}!",
        )
        for n, text in enumerate(texts)
    ]
    opened = show(hostile).start(texts[0])
    seen = set()
    for _ in hostile:
        opened.page.dispatch_event(".same summary", "click")
        seen.add(opened.page.text_content(".answers .part:nth-child(1) .text").removesuffix("!"))
        opened.press("3")
    assert {text for text in texts if len(text) < 1000 and text.isprintable()} <= seen
    assert opened.page.evaluate("window.fired") == []
    opened.page.reload()
    header, *lines = opened.exported()
    assert (header["by"], {line["choice"] for line in lines}) == (texts[0], {"equal"})
    assert {line["case"] for line in lines} == {one.case for one in hostile}
    assert opened.page.title() == "evalharness blind comparison"
    assert (opened.requests, opened.errors) == ([], [])

"""The report in a real browser: every control works, without requests or errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise, product
from typing import Any

import pytest
from diff_examples import EXAMPLES
from pages import a_page, six_combinations
from playwright.sync_api import Page, expect

from evalharness.report.html import render_html

Open = Callable[..., Any]


@cache
def html() -> str:
    """A red report of two models."""
    return render_html(a_page())


@pytest.fixture
def matrix(opened: Open) -> Iterator[Page]:
    """The open report; afterwards, it has made no request and logged no error."""
    visit = opened(html())
    visit.page.wait_for_selector("body[data-ready]")
    yield visit.page
    assert (visit.requests, visit.complaints) == ([], [])


@pytest.fixture
def report(matrix: Page) -> Page:
    """The open report, with its samples as a list."""
    matrix.get_by_role("button", name="List").click()
    return matrix


def count(page: Page) -> str:
    """The count above the list."""
    return str(page.locator("#count").text_content())


def ids(page: Page) -> list[str]:
    """The cases of the visible rows."""
    return page.locator("#cases button.open bdi").all_text_contents()


def test_is_it_worse(report: Page) -> None:
    """The page starts with the verdict, a line per gate with its plot, the criteria changes, and the worst changes."""
    assert report.title() == "fail: support \u2013 evalharness"
    expect(report.locator("h1")).to_have_text("worse than the baseline: rouge_l")
    gates = report.locator("#gates tbody tr")
    assert [row.split()[0] for row in gates.all_text_contents()] == ["failrouge_lsmollm2", "passexactsmollm2"]
    expect(gates.first.locator("svg.plot")).to_have_attribute(
        "aria-label", "52.0 → 48.0, −4.0 pts, 95 % bounds −7.0 … −1.0 pts, margin 5 pts"
    )
    expect(report.locator("#criteria")).to_contain_text("relaxedgate rouge_l margin0.050.20")
    assert count(report) == "26 of 260 samples, largest loss first"
    assert ids(report)[0] == "case-125"
    expect(report.locator("#cases tbody tr").first).to_contain_text(re.compile(r"\d → \d.*, −\d+\.\d pts"))


BUTTONS = {"All": 260, "Worse": 26, "Better": 15, "Changed": 26, "Failed": 2, "Errors": 2}


def test_status(report: Page) -> None:
    """Each button has its count, and filters the rows."""
    failures = []
    for button, shown in BUTTONS.items():
        node = report.get_by_role("button", name=re.compile(rf"^{button} {shown}$", re.IGNORECASE))
        node.click()
        pressed, label, rows = node.get_attribute("aria-pressed"), count(report), len(ids(report))
        wanted = f"{shown} " if shown == 260 else f"{shown} of 260 "
        if pressed != "true" or not label.startswith(wanted) or rows < min(shown, 100):
            failures.append(f"{button}: pressed {pressed}, {label!r}, {rows} rows")
    assert not failures, "\n".join(failures)


def test_filters_and_orders(report: Page) -> None:
    """Model, tag and metric filter the list, the order sorts it, and the search includes answers."""
    report.get_by_role("button", name=re.compile("^all", re.IGNORECASE)).click()
    report.get_by_label("Model and prompt").select_option(label="gemma3 · concise")
    assert count(report).startswith("130 of 260")
    report.get_by_label("Tag", exact=True).select_option(label="rare")
    assert count(report).startswith("4 of 260")
    report.get_by_label("Metric", exact=True).select_option(label="exact")
    assert count(report).startswith("3 of 260")  # case 3 has no score
    assert report.locator("#cases thead th").all_text_contents()[2:4] == ["exact", "Tokens"]
    report.get_by_label("Order").select_option(label="Longest first")
    assert ids(report) == ["case-002", "case-001", "case-000"]
    report.get_by_label("Order").select_option(label="By case")
    assert ids(report) == ["case-000", "case-001", "case-002"]
    report.get_by_label("Tag", exact=True).select_option(value="")
    report.get_by_label("Search cases").fill("ANSWER 77 OF GEMMA3")
    expect(report.locator("#count")).to_contain_text("1 of 260")
    assert ids(report) == ["case-077"]


def test_a_case(report: Page) -> None:
    """A row opens to all details of its case, with the other model's answer, and closes."""
    report.get_by_role("button", name=re.compile("^all", re.IGNORECASE)).click()
    report.get_by_label("Search cases").fill("case-010")
    expect(report.locator("#count")).to_contain_text("2 of 260")
    button = report.locator("#cases button.open").first
    button.click()
    detail = report.locator("tr.detail")
    for words in (
        *("You answer customers.", "Question 10?", "The golden answer 10.", "Another golden answer 10."),
        *("The answer 10 of smollm2.", "The answer 10 of gemma3.", "rouge_l|v1", "100 prompt, 10 answer"),
    ):
        expect(detail).to_contain_text(words)
    assert diff(report) == [("del", "reply"), ("ins", "answer")]
    report.get_by_label("Difference from").select_option(label="golden answer 2")
    assert diff(report) == [("del", "Another golden"), ("ins", "The"), ("ins", " of smollm2")]
    report.get_by_label("Difference from").select_option(label="gemma3 · concise")
    assert diff(report) == [("del", "gemma3"), ("ins", "smollm2")]
    button.click()
    expect(detail).to_have_count(0)


def diff(page: Page) -> list[tuple[str, str]]:
    """The removed and added words."""
    marks = page.locator("tr.detail").locator("ins, del")
    return [(mark.evaluate("node => node.localName"), str(mark.text_content())) for mark in marks.all()]


def test_problems(report: Page) -> None:
    """Errors, failed checks, cut answers, notes and what an application adds are shown."""
    report.get_by_role("button", name=re.compile("^errors", re.IGNORECASE)).click()
    report.locator("#cases button.open").first.click()
    expect(report.locator("tr.detail")).to_contain_text("deadline: no answer within 30 s")
    report.get_by_role("button", name=re.compile("^failed", re.IGNORECASE)).click()
    report.locator("#cases button.open").first.click()
    expect(report.locator("tr.detail")).to_contain_text("must not contain 'answer'")
    report.get_by_role("button", name=re.compile("^all", re.IGNORECASE)).click()
    report.get_by_label("Search cases").fill("case-005")
    expect(report.locator("#cases tbody tr").first).to_contain_text("cut off")
    report.get_by_label("Search cases").fill("case-006")
    expect(report.locator("#cases tbody tr").first).to_contain_text("case-006")
    report.locator("#cases button.open").first.click()
    expect(report.locator("tr.detail")).to_contain_text("exact: of a part")
    report.get_by_label("Search cases").fill("case-007")
    expect(report.locator("#cases tbody tr").first).to_contain_text("case-007")
    report.locator("#cases button.open").first.click()
    expect(report.locator("tr.detail")).to_contain_text("[1] faq#2 (score 0.5)")
    expect(report.locator("tr.detail")).to_contain_text('"days": "<b>30</b>"')


def test_keys(report: Page) -> None:
    """Outside of the search field j and k move and Enter opens; / enters the field, and Escape leaves it."""
    report.keyboard.press("j")
    report.keyboard.press("j")
    report.keyboard.press("k")
    assert report.evaluate("document.activeElement.textContent").startswith("case-125")
    report.keyboard.press("Enter")
    expect(report.locator("tr.detail")).to_have_count(1)
    report.keyboard.press("/")
    report.keyboard.type("jk")
    assert report.get_by_label("Search cases").input_value() == "jk"
    report.keyboard.press("Escape")
    assert report.evaluate("document.activeElement.localName") == "body"


def test_a_link_to_a_case(opened: Open, report: Page) -> None:
    """`#case=ID` opens a case under every model; the case links to it, and there is a link back."""
    page = opened(html(), fragment="#case=case-119", name="linked").page
    page.wait_for_selector("tr.detail")
    assert ids(page) == ["case-119"]
    page.get_by_role("button", name="List").click()
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#count")).to_have_text("26 of 260 samples, largest loss first")
    report.locator("#cases button.open").first.click()
    report.get_by_role("link", name="Link to this case").click()
    expect(report.locator("#count")).to_contain_text("only case-125")


NO_SCROLLING = "window.IntersectionObserver = class { observe() {} };"
"""Disables the page's observer for the end of the list."""


def test_more_rows(opened: Open) -> None:
    """The list shows a hundred rows at a time; the button adds more, and disappears at the end."""
    page = opened(html(), script=NO_SCROLLING).page
    page.get_by_role("button", name="List").click()
    page.get_by_role("button", name=re.compile("^all", re.IGNORECASE)).click()
    assert len(ids(page)) == 100
    for label, rows in (("Show 100 more of 160", 200), ("Show 60 more of 60", 260)):
        expect(page.locator("#more")).to_have_text(label)
        page.locator("#more").click()
        assert len(ids(page)) == rows
    expect(page.locator("#more")).to_be_hidden()


TO_THE_END = """() => { window.scrollTo(0, document.body.scrollHeight);
    return document.querySelectorAll('#cases button.open').length === 260; }"""


def test_more_rows_by_scrolling(report: Page) -> None:
    """Scrolling to the end of the page adds rows."""
    report.get_by_role("button", name=re.compile("^all", re.IGNORECASE)).click()
    assert len(ids(report)) < 260
    report.wait_for_function(TO_THE_END)


def test_which_model(report: Page) -> None:
    """Means with intervals, pairwise tests, a plot with selectable axes, and tags."""
    expect(report.locator("#groups table").first).to_contain_text(re.compile(r"49\.\d44\.\d … 5\d\.\d"))
    expect(report.locator("#groups p").first).to_have_text("2 side by side, and no metric says which is best.")
    duel = report.locator("#details table").first.locator("tbody tr")
    expect(duel).to_have_count(2)
    expect(duel.first).to_contain_text("p 1, 129 cases")
    chart = report.locator("svg.map")
    expect(chart).to_have_attribute("aria-label", re.compile(r"smollm2 · concise: 49\.\d at 2\.000; gemma3"))
    report.get_by_label("Right").select_option(label="Answer tokens")
    expect(chart).to_have_attribute("aria-label", re.compile(r"at 64\.9"))
    report.get_by_label("Up").select_option(label="exact")
    assert report.locator(".multiples h4").all_text_contents() == [
        "rare 4 cases",
        "refunds 65 cases",
        "shipping 65 cases",
    ]
    before = report.locator(".multiples .value").all_text_contents()
    report.get_by_label("Metric of the tags").select_option(label="exact")
    assert report.locator(".multiples .value").all_text_contents() == before  # both metrics have the same numbers here


def test_a_row_for_each_case(matrix: Page) -> None:
    """The matrix has a column for each model, with question, golden and answers to read; a cell opens its details."""
    expect(matrix.locator("#cases thead th")).to_have_text(["Case", "smollm2 · concise", "gemma3 · concise"])
    row = matrix.locator("#cases tbody tr").first
    for words in ("case-125", "Question 125?", "Golden: The golden answer 125.", "The answer 125 of smollm2."):
        expect(row).to_contain_text(words)
    expect(row.locator("td.answer ins")).to_have_text("gemma3")
    cells = row.locator("td.answer button.open")
    cells.nth(1).click()
    expect(matrix.locator("tr.detail")).to_contain_text("The answer 125 of gemma3.")
    cells.nth(0).click()  # another cell of the row takes its place
    expect(matrix.locator("tr.detail")).to_have_count(1)
    expect(cells.nth(1)).to_have_attribute("aria-expanded", "false")
    cells.nth(0).click()
    expect(matrix.locator("tr.detail")).to_have_count(0)
    matrix.get_by_label("Model and prompt").select_option(label="gemma3 · concise")
    expect(matrix.locator("#cases thead th")).to_have_text(["Case", "gemma3 · concise"])


def test_what_has_changed(matrix: Page) -> None:
    """A dot for each changed answer leads to its case; the worst answers stand beside the earlier ones."""
    part = matrix.locator("#changes")
    expect(part.locator("p").first).to_have_text("rouge_l: 26 answers lower, 15 higher, 88 unchanged")
    expect(part.locator("svg.swarm circle")).to_have_count(41)
    worst = part.locator("section.part").first
    expect(worst.locator("h3")).to_contain_text("case-125")
    expect(worst.locator("del")).to_have_text("reply")
    expect(worst.locator("ins")).to_have_text("answer")
    part.locator("svg.swarm a").first.click()
    expect(matrix.locator("#count")).to_contain_text("only case-")


def test_the_winner_is_named(opened: Open) -> None:
    """The headline names the best of several and by how much; answers are on the first two screens without a click."""
    page = opened(render_html(six_combinations())).page
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("h1")).to_have_text(
        "smollm2 · concise leads on 2 of 2 metrics, each clearly: rouge_l 79.9, 20.0 pts ahead of smollm2 · careless; "
        "faq · concise is 10.0x cheaper"
    )
    best = page.locator("#groups td.best").first
    expect(best).to_contain_text("79.9")
    row = page.locator("#cases tbody tr").nth(4)
    expect(row.locator("td.answer").nth(4)).to_contain_text("I do not know.")  # the model faq
    box = row.bounding_box()
    assert box
    assert box["y"] + box["height"] < 2 * 900
    expect(page.locator("svg.map path.front")).to_have_count(1)


COLOURS = "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"


def test_any_width_and_light(report: Page) -> None:
    """The page fits a phone, and all text has contrast, in both color schemes."""
    failures = []
    for scheme, width in product(("light", "dark"), (1280, 360)):
        report.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        report.set_viewport_size({"width": width, "height": 800})
        scroll_width = report.evaluate("document.documentElement.scrollWidth")
        text, ground = (sum(map(int, re.findall(r"\d+", one)[:3])) for one in report.evaluate(COLOURS))
        if scroll_width > width or (text < ground) != (scheme == "light") or abs(text - ground) <= 400:
            failures.append(f"{scheme}, {width}: {scroll_width} wide, text {text} on {ground}")
    assert not failures, "\n".join(failures)


def test_for_a_screen_reader(report: Page) -> None:
    """Every control has a name, every table a caption, every image a text, and headings skip no level."""
    unnamed = report.evaluate(
        """[...document.querySelectorAll("button, input, select, a, [role=img]")].filter((node) =>
             !(node.getAttribute("aria-label") || node.textContent.trim())).length"""
    )
    assert unnamed == 0
    assert report.locator("table").count() == report.locator("table > caption").count()
    levels = [
        int(level)
        for level in report.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => h.localName[1])")
    ]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_on_paper(report: Page) -> None:
    """The printed page has no controls."""
    report.emulate_media(media="print")
    expect(report.locator("#filters")).to_be_hidden()
    assert len(report.pdf()) > 10_000


WORDS = ["a", "b", "the", "cat", " ", "  ", "\n", ".", "ä", "中", "文", "don't", "x1", "-", "\t"]


def test_word_diff(report: Page) -> None:
    """The segments of a diff reproduce both texts."""
    wrong = report.evaluate(
        """(words) => { let seed = 1; const wrong = [];
             const next = (n) => (seed = (seed * 16807) % 2147483647) % n;
             const text = () => Array.from({ length: next(30) }, () => words[next(words.length)]).join("");
             for (let round = 0; round < 3000; round++) {
               const [before, now] = [text(), text()], pieces = wordDiff(before, now);
               const join = (other) => pieces.filter(([kind]) => kind !== other).map(([, words]) => words).join("");
               const calm = pieces.every(([kind], index) => !index || kind !== pieces[index - 1][0]);
               if (join("new") !== before || join("gone") !== now || !calm) wrong.push([before, now, pieces]);
             }
             return wrong; }""",
        WORDS,
    )
    assert wrong == []


def test_the_word_diff_of_python(report: Page) -> None:
    """The page marks the same words as the terminal and the summary."""
    found = report.evaluate("(pairs) => pairs.map(([old, now]) => wordDiff(old, now))", [pair[:2] for pair in EXAMPLES])
    assert found == [[list(segment) for segment in expected] for _, _, expected in EXAMPLES]


def test_large_diff(report: Page) -> None:
    """Two long answers without common words are compared as one piece."""
    pieces = report.evaluate(
        """() => { const long = (word) => Array.from({ length: 9000 }, (_, n) => word + n).join(" ");
                   return wordDiff("same " + long("a"), "same " + long("b")).map(([kind]) => kind); }"""
    )
    assert pieces == ["gone", "new"] or pieces == ["same", "gone", "new"]

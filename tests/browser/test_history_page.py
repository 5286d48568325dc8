"""The history page in a real browser: scale, dates, explained changes, and a run under the pointer and the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from histories import a_history
from playwright.sync_api import Page, expect

from evalharness.report.history import history_html


@pytest.fixture
def page(opened: Callable[..., Any]) -> Iterator[Page]:
    """The open page; afterwards, it has made no request and logged no error."""
    visit = opened(history_html(a_history()))
    visit.page.wait_for_selector("body[data-ready]")
    yield visit.page
    assert (visit.requests, visit.complaints) == ([], [])


def test_axes(page: Page) -> None:
    """Each chart has a scale of round numbers and dates."""
    expect(page.locator(".trend")).to_have_count(5)
    labels = page.locator(".trend").first.locator(".axes text").all_text_contents()
    assert labels[:4] == ["60.0", "65.0", "70.0", "75.0"]
    assert labels[-1] == "2026-07-15"
    assert len(labels) > 6


def test_changes_are_explained(page: Page) -> None:
    """A numbered line of the chart has its sentence: size, days, commit, reason and how to list the commits."""
    numbers = page.locator(".trend").first.locator(".mark text")
    expect(numbers).to_have_text(["1", "2"])
    first = page.locator(".marks").first.locator("li").nth(1)
    for words in (
        "rouge_l fell by 8.0 pts, from 74.4 to 66.4 between 2026-05-16 and 2026-06-02, p = 0.0005.",
        "Commit aaaaaaa: Use the newer <b>policy</b> text.",
        "Accepted because: shorter answers are wanted.",
        "The model, the prompt or its parameters changed in the same run.",
        "git log --oneline 9999999..aaaaaaa",
    ):
        expect(first).to_contain_text(words)


def test_a_run_by_keys(page: Page) -> None:
    """Tab reaches a chart, the arrow keys move along its runs, and the run is read out and shown below."""
    chart, shown = page.locator(".trend").first, page.locator(".run").first
    page.keyboard.press("Tab")
    expect(chart).to_be_focused()
    expect(shown).to_contain_text("the newest run, 2026-07-15")
    page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuenow", "1")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(shown).to_contain_text("aaaaaaa of 2026-06-02")
    expect(shown).to_contain_text("Use the newer <b>policy</b> text")
    assert "Accepted because: shorter answers are wanted" in str(chart.get_attribute("aria-valuetext"))
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")  # the end stays the end
    expect(chart).to_have_attribute("aria-valuenow", "14")


def test_a_run_under_the_pointer(page: Page) -> None:
    """Pointing at a chart shows the nearest run."""
    dot = page.locator(".trend").first.locator("circle").nth(5)
    box = dot.bounding_box()
    assert box
    page.mouse.move(box["x"] + 4, box["y"] + 40)
    expect(page.locator(".run").first).to_contain_text("5555555 of 2026-03-16")


def test_it_fits_a_phone(page: Page) -> None:
    """The page is as wide as a phone, and the charts are drawn again for the width."""
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator(".trend svg").first).to_have_attribute("viewBox", "0 0 358 168")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

"""The page of a load test in a real browser: charts, moments by pointer and keys, tables, hostile texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from loads import a_load, capacity, in_turns, nothing_sent
from playwright.sync_api import Page, expect

from evalharness.report.load_page import load_html

MAKERS = {"alone": a_load, "in turns": in_turns, "capacity": capacity, "nothing": nothing_sent}


@pytest.fixture
def shown(opened: Callable[..., Any]) -> Callable[[str], Page]:
    """Opens one of the pages, and checks that it makes no request and logs no error."""

    def show(name: str) -> Page:
        visit = opened(load_html(*MAKERS[name]()), script="window.alert = () => { throw Error('markup was run'); }")
        visit.page.wait_for_selector("body[data-ready]")
        assert (visit.requests, visit.complaints) == ([], [])
        return visit.page  # type: ignore[no-any-return]

    return show


def test_the_verdict_and_its_parts(shown: Callable[[str], Page]) -> None:
    """The page has the verdict, the terms with their intervals, charts and latencies, and no part without content."""
    page = shown("alone")
    expect(page.locator("#verdict")).to_contain_text("inconclusive")
    expect(page.locator("h1")).to_contain_text("95.0 % of 575 requests (93.0 % to 97.0 %)")
    expect(page.locator("#level tbody tr")).to_contain_text(["about 400 more requests would decide"])
    expect(page.locator(".trend")).to_have_count(5)
    expect(page.locator("#latency tbody tr")).to_have_count(4)
    expect(page.locator("#errors")).to_contain_text("</script><img src=x onerror=alert(1)>")
    for part in ("#comparison-part", "#capacity-part"):
        expect(page.locator(part)).to_be_hidden()


def test_a_chart(shown: Callable[[str], Page]) -> None:
    """A chart has a scale, its bound as a dashed line with a name, and the names of its lines at their ends."""
    chart = shown("alone").locator(".trend").first
    expect(chart.locator("text.limit")).to_have_text("ttft < 300 ms")
    assert set(chart.locator("text.name").all_text_contents()) == {"p50", "p90", "p95", "p99"}
    assert "500 ms" in chart.locator(".axes text").all_text_contents()


def test_a_moment_by_keys(shown: Callable[[str], Page]) -> None:
    """Tab reaches a chart, the arrow keys move along its moments, and the values are read out and shown below."""
    page = shown("alone")
    chart, below = page.locator(".trend").first, page.locator(".run").first
    page.keyboard.press("Tab")
    expect(chart).to_be_focused()
    page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuenow", "1")
    page.keyboard.press("ArrowRight")
    expect(chart).to_have_attribute("aria-valuenow", "2")
    words = str(chart.get_attribute("aria-valuetext"))
    assert "p50" in words
    assert "p99" in words
    expect(below).to_have_text(words)
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")  # the end stays the end
    expect(chart).to_have_attribute("aria-valuenow", str(chart.get_attribute("aria-valuemax")))


def test_a_moment_under_the_pointer(shown: Callable[[str], Page]) -> None:
    """Pointing at the start of a chart shows its first moment."""
    page = shown("alone")
    box = page.locator(".trend").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 2, box["y"] + 40)
    expect(page.locator(".run").first).to_contain_text("0.1 to 4.4 s: p50")


def test_moments_as_a_table(shown: Callable[[str], Page]) -> None:
    """What the charts show is in a table too, with the version of each moment."""
    page = shown("in turns")
    page.locator("#time summary").click()
    rows = page.locator("#time tbody tr")
    expect(rows).to_have_count(64)
    expect(rows.first).to_contain_text("candidate")
    page.locator("#comparison summary").click()
    expect(page.locator("#comparison tbody tr")).to_have_count(8)


def test_probes(shown: Callable[[str], Page]) -> None:
    """The search of the capacity lists its probes by rate, and says what it found."""
    page = shown("capacity")
    expect(page.locator("h1")).to_have_text("The service level holds at 4/s, and no longer at 8/s.")
    expect(page.locator("#h-latency")).to_have_text("Latencies of the last probe, 5/s")
    assert page.locator("#capacity tbody th").all_text_contents() == ["2/s", "4/s", "5/s", "8/s"]


@pytest.mark.parametrize("name", MAKERS)
def test_it_fits_a_phone(shown: Callable[[str], Page], name: str) -> None:
    """The page is as wide as a phone."""
    page = shown(name)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

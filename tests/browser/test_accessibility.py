"""axe-core finds no violation on any page, in any state: light on a phone, dark on a desk, and all views (deep)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page
from states import STATES, html_of

SIZES = {390: 844, 1280: 900, 1920: 1080}
QUICK = ((390, "light"), (1280, "dark"))
ALL = tuple(product(SIZES, ("light", "dark")))
View = tuple[int, str]
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Blocks that start to scroll get their names once the page is laid out."""
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OPTIONS = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": RULES}}
NO_SHADE = "document.styleSheets[0].insertRule('.scroll { background-image: none !important; }')"
"""axe-core leaves out the contrast of texts above a gradient."""
FEW_ROWS = "document.querySelectorAll('tbody > tr:nth-child(n+7):not(.detail)').forEach((row) => row.remove())"
"""The rows of a table are alike, and take most of the time."""


def violations(page: Page) -> list[str]:
    """A line for each element that violates a rule."""
    found = page.evaluate("(options) => axe.run(options)", OPTIONS)["violations"]
    return [
        f"{one['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"][:3]
    ]


@pytest.fixture
def ready(opened: Callable[..., Any]) -> Callable[[str], Page]:
    """Open a page with axe-core in it."""

    def open_page(html: str) -> Page:
        page: Page = opened(html).page
        page.wait_for_selector("body[data-ready]")
        page.evaluate(AXE_SCRIPT)
        page.evaluate(NO_SHADE)
        return page

    return open_page


def each_view(page: Page, views: Sequence[View]) -> list[str]:
    """The violations at each width and in each colour scheme."""
    failures = []
    if views is not ALL:
        page.evaluate(FEW_ROWS)
    for width, scheme in views:
        page.set_viewport_size({"width": width, "height": SIZES[width]})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(SETTLED)
        failures += [f"{width} {scheme}: {one}" for one in violations(page)]
    return failures


@pytest.mark.parametrize("views", [QUICK, pytest.param(ALL, marks=pytest.mark.deep)], ids=["quick", "all"])
@pytest.mark.parametrize("name", STATES)
def test_no_violation(ready: Callable[[str], Page], tmp_path: Path, name: str, views: Sequence[View]) -> None:
    """Each state, and also with the first item to choose, or with an open case and all details."""
    page = ready(html_of(name, tmp_path))
    opens = page.locator("details, #cases button.open").count()
    failures = each_view(page, QUICK[:1] if opens and views is QUICK else views)  # what it shows stays when it is open
    if page.locator("#start").count():
        page.fill("#by", "Ada")
        page.click("#start")
        failures += [f"started: {one}" for one in each_view(page, views)]
    if page.locator("#cases button.open").count():
        page.locator("#cases button.open").first.click()
        page.wait_for_selector("tr.detail")
    for summary in page.locator("details > summary").all():
        summary.click()
    if opens:
        failures += [f"open: {one}" for one in each_view(page, views)]
    assert not failures, "\n".join(failures)


def test_the_check_can_fail(ready: Callable[[str], Page]) -> None:
    """Without its label, a control is a violation."""
    page = ready(html_of("red", Path()))
    page.evaluate("document.getElementById('search').setAttribute('aria-label', '')")
    page.evaluate("document.getElementById('search').removeAttribute('placeholder')")
    assert any(one.startswith("390 light: label: #search") for one in each_view(page, QUICK[:1]))

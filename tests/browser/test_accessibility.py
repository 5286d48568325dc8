"""axe-core finds no violation on any page, in any state: light on a phone, dark on a desk, and in between (deep)."""

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


def violations(page: Page) -> list[str]:
    """A line for each element that violates a rule."""
    found = page.evaluate("(options) => axe.run(options)", OPTIONS)["violations"]
    return [
        f"{one['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"][:3]
    ]


def each_view(page: Page, views: Sequence[View]) -> list[str]:
    """The violations at each width and in each colour scheme."""
    page.evaluate(AXE_SCRIPT)
    page.evaluate(NO_SHADE)
    failures = []
    for width, scheme in views:
        page.set_viewport_size({"width": width, "height": SIZES[width]})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(SETTLED)
        failures += [f"{width} {scheme}: {one}" for one in violations(page)]
    return failures


@pytest.mark.parametrize("views", [QUICK, pytest.param(ALL, marks=pytest.mark.deep)], ids=["quick", "all"])
@pytest.mark.parametrize("name", STATES)
def test_no_violation(opened: Callable[..., Any], tmp_path: Path, name: str, views: Sequence[View]) -> None:
    """Each state, and also with the first item to choose, an open case and all details."""
    page = opened(html_of(name, tmp_path)).page
    page.wait_for_selector("body[data-ready]")
    failures = each_view(page, views)
    if page.locator("#start").count():
        page.fill("#by", "Ada")
        page.click("#start")
        failures += [f"started: {one}" for one in each_view(page, views)]
    if page.locator("#cases button.open").count():
        page.locator("#cases button.open").first.click()
        page.wait_for_selector("tr.detail")
        failures += [f"open: {one}" for one in each_view(page, views)]
    for summary in page.locator("details > summary").all():
        summary.click()
    if page.locator("details").count():
        failures += [f"open: {one}" for one in each_view(page, views)]
    assert not failures, "\n".join(failures)


def test_the_check_can_fail(opened: Callable[..., Any]) -> None:
    """Without its label, a control is a violation."""
    page = opened(html_of("red", Path())).page
    page.wait_for_selector("body[data-ready]")
    page.evaluate("document.getElementById('search').setAttribute('aria-label', '')")
    page.evaluate("document.getElementById('search').removeAttribute('placeholder')")
    assert any(one.startswith("390 light: label: #search") for one in each_view(page, QUICK))

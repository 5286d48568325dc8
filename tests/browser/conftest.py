"""A real browser: headless Chromium, driven by Playwright. Without Chromium these tests are skipped with a reason,
and fail in CI.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
QUIET = ("--disable-background-networking", "--disable-component-update")
PATIENCE_MS = 60_000
"""Longer than any page takes on a busy machine; only ends waits that never succeed."""
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Opened:
    """A page with its requests and errors."""

    page: Page
    requests: list[str] = field(default_factory=list)
    """Requests other than for the file itself."""
    complaints: list[str] = field(default_factory=list)
    """Console errors and uncaught exceptions."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one file: Playwright holds the event loop of its thread as long as it lives."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: apt-get install chromium")
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *QUIET])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open HTML from a file: `opened(html, fragment="", script="")`. All requests are blocked."""
    pages: list[Page] = []

    def open_page(html: str, *, fragment: str = "", script: str = "", name: str = "report") -> Opened:
        file = tmp_path / f"{name}.html"
        file.write_bytes(html.encode("utf-8", "surrogatepass"))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        pages.append(page)
        visit = Opened(page)
        page.on("console", lambda message: visit.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("request", lambda one: visit.requests.append(one.url) if not one.url.startswith("file:") else None)
        page.route(lambda url: not url.startswith("file:"), lambda route: route.abort())  # recorded and blocked
        if script:
            page.add_init_script(script)
        page.goto(f"{file.as_uri()}{fragment}", wait_until="commit")
        return visit

    yield open_page
    for page in pages:
        page.close()

"""The pages of `evalharness view` in a real browser: they follow a run without an error on the console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from acting_texts import TEXTS
from playwright.sync_api import Browser, Page, expect
from viewed import Growing, Viewed, viewing


@pytest.fixture
def page(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what its console complains about. It may reach loopback only."""
    page, complaints = browser.new_page(viewport={"width": 1280, "height": 900}), []
    page.set_default_timeout(60_000)
    page.clock.install()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route(lambda url: not url.startswith("http://127.0.0.1:"), lambda route: route.abort())
    page.add_init_script("window.fired = []; window.fire = (number) => { window.fired.push(number); };")
    yield page, complaints
    page.close()


def later(page: Page) -> None:
    """Let a minute pass for the page, which then asks its server for changes."""
    page.clock.fast_forward(60_000)


def watched(viewed: Viewed, page: Page) -> None:
    """Open the address that the command printed."""
    page.goto(viewed.url)


def test_a_run_in_progress(tmp_path: Path, page: tuple[Page, list[str]]) -> None:
    """The report reloads with each new answer, waits while a case is open, and says when the server has ended."""
    shown, complaints = page
    growing = Growing(tmp_path, "support")
    growing.grow()
    with viewing(tmp_path, "support") as viewed:
        watched(viewed, shown)
        expect(shown.locator("h1")).to_have_text("running: 1 of 4 answers so far")
        expect(shown.locator("#live")).to_contain_text("running: 1 of 4 answers")
        expect(shown.locator("#gates")).to_have_text("Gates decide when the run has ended.")
        growing.grow()
        later(shown)
        expect(shown.locator("h1")).to_have_text("running: 2 of 4 answers so far")
        shown.locator("#cases button.open").first.click()
        growing.grow()
        later(shown)
        expect(shown.locator("#live button")).to_have_text("Show the new answers")
        expect(shown.locator("h1")).to_have_text("running: 2 of 4 answers so far")
        shown.locator("#live button").click()
        expect(shown.locator("h1")).to_have_text("running: 3 of 4 answers so far")
        shown.locator("#live a").click()
        expect(shown.locator("#runs")).to_contain_text("3 of 4 answers")
        growing.end()
        later(shown)
        expect(shown.locator("#runs")).to_contain_text("no verdict")
        shown.locator("#runs a").click()
        expect(shown.locator("#verdict")).to_contain_text("inconclusive")
        assert complaints == []
        viewed.stop()
        later(shown)
        expect(shown.locator("#live")).to_contain_text("evalharness view has ended")


def test_hostile_runs(tmp_path: Path, page: tuple[Page, list[str]]) -> None:
    """Names, answers and problems that are markup stay text, on the index and in the report."""
    shown, complaints = page
    for number, text in enumerate(TEXTS[::25]):
        growing = Growing(tmp_path, f"run-{number}", text=text.replace("{", "").replace("}", "")[:2_000])
        growing.grow()
        growing.release()
        (tmp_path / f"reports/<img src=x onerror=fire({number})>").mkdir()
    with viewing(tmp_path, "run-1") as viewed:
        watched(viewed, shown)
        expect(shown.locator("#verdict")).to_contain_text("error")
        shown.locator("#cases button.open").first.click()
        shown.goto(viewed.url.partition("run/")[0])
        expect(shown.locator("#runs")).to_contain_text("<img src=x onerror=fire(3)>")
        assert shown.evaluate("window.fired") == []
    assert complaints == []

"""A judge on the page, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from judged_runs import finished, said
from playwright.sync_api import expect

from evalharness.report.html import page_of, render_html
from evalharness.store.answer_labels import write_answer_labels


def test_a_judged_case_opens(opened: Callable[..., Any], tmp_path: Path) -> None:
    """It shows question, probabilities and labels as text, and a filter lists what people see differently."""
    outcome = finished(tmp_path).outcome
    assert outcome is not None
    write_answer_labels(tmp_path, "demo", said(outcome.run, {"ann": ("yes", 1.0), "bob": ("no", 0.0)}))
    visit = opened(render_html(page_of(outcome)))
    page = visit.page
    page.wait_for_selector("body[data-ready]")
    page.get_by_role("button", name="disputed").click()
    expect(page.locator("#cases button.open bdi")).to_have_text(["bob"])
    expect(page.locator("#cases .flags")).to_have_text("people disagree with the judge")
    page.locator("#cases button.open").click()
    expect(page.locator(".explained")).to_have_text("polite: Is it <b>polite</b>?yes 0.75, no 0.25People: Ada: no")
    assert (visit.requests, visit.complaints) == ([], [])

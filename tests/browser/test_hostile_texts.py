"""Five hundred hostile texts in nine places of a report: none acts, and each is shown to the letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from acting_texts import ELSEWHERE, TEXTS
from pages import a_run
from playwright.sync_api import Page as BrowserPage

from evalharness.records import Change, Failure, Response, Sample, Score, Verdict
from evalharness.report.columns import columns_of
from evalharness.report.html import Page, facts_of, render_html
from evalharness.report.rows import MAX_TEXT

PER_PAGE = 25
PAGES = [range(first, first + PER_PAGE) for first in range(0, len(TEXTS), PER_PAGE)]
SHOWN = """[...document.querySelectorAll("bdi, .text, li, option, td, th, p")].map((node) => node.textContent)"""
FIRE = "window.fired = []; window.fire = (number) => { window.fired.push(number); };"
Open = Callable[..., Any]


def a_hostile_page(numbers: Iterable[int]) -> Page:
    """A text as answer, golden, case id, tag, model, prompt, error, metric and file name, each of its own sample."""
    run = a_run()
    samples = tuple(_sample(sample, TEXTS[number]) for sample, number in zip(run.samples, numbers, strict=False))
    texts = " \n".join(TEXTS[number][:2000] for number in numbers)
    header = replace(run.header, file=texts, suite=texts, planned=tuple(sample.key for sample in samples))
    run = replace(run, header=header, samples=samples, selected=header.planned)
    verdicts = [Verdict(text, text, text, "fail", text, tag=text) for text in (TEXTS[number] for number in numbers)]
    exam = [Change(TEXTS[number], TEXTS[number], TEXTS[number], weakens=True) for number in numbers]
    return Page("fail", texts, facts_of(run), columns_of(run, {}), tuple(verdicts), tuple(exam), earlier=texts)


def _sample(sample: Sample, text: str) -> Sample:
    return replace(
        sample,
        key=sample.key._replace(case=text, model=text, prompt=text),
        tags=(text,),
        golden=(text,),
        messages=tuple(replace(message, role=text, content=text) for message in sample.messages),
        response=replace(sample.response, text=text) if isinstance(sample.response, Response) else None,
        scores=(Score(text, 0.5, text),),
        failed_checks=(text,),
        error=Failure(text, text),
    )


@pytest.mark.slow
@pytest.mark.parametrize("numbers", PAGES, ids=lambda numbers: f"{numbers[0]}-{numbers[-1]}")
def test_nothing_acts(opened: Open, numbers: range) -> None:
    """No script runs, nothing is asked for, nothing breaks, and the page says each text to the letter."""
    told = opened(render_html(a_hostile_page(numbers)), script=FIRE)
    page: BrowserPage = told.page
    page.wait_for_selector("body[data-ready]")
    page.evaluate("document.querySelectorAll('#cases button.open').forEach((button) => button.click())")
    shown = set(map(letters, page.evaluate(SHOWN)))
    for number in numbers:
        assert letters(cut(TEXTS[number])) in shown, f"text {number} is not on the page"
    page.wait_for_timeout(200)  # what waits for the next frame would act now
    assert (page.evaluate("window.fired"), told.requests, told.complaints) == ([], [], [])


def cut(text: str) -> str:
    """As the report bounds it."""
    left_out = len(text) - MAX_TEXT
    return text if left_out <= 0 else f"{text[:MAX_TEXT]}\n[evalharness: {left_out} more characters are in run.jsonl]"


def letters(text: str) -> str:
    """With the characters for which the page shows numbers; a lone surrogate is one of them."""
    return re.sub(r"⟨U\+([0-9A-F]{4,6})⟩", lambda match: chr(int(match[1], 16)), text)


def unprotected(html: str) -> str:
    """The same page without its policy, and with texts taken for markup."""
    html, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    shown = "function shown(value, kind) {"
    assert (policies, html.count(shown)) == (1, 1)
    return html.replace(shown, f"{shown} return document.createRange().createContextualFragment(value);")


@pytest.mark.slow
def test_the_texts_would_act(opened: Open) -> None:
    """With the escaping switched off at least 95 of 100 act: else the test above would show nothing."""
    acted: set[int] = set()
    for numbers in PAGES:
        told = opened(unprotected(render_html(a_hostile_page(numbers))), script=FIRE, name=f"page-{numbers[0]}")
        for _ in range(15):  # until all have, or three seconds; those that do, do so at once
            told.page.wait_for_timeout(200)
            acted |= set(told.page.evaluate("window.fired"))
            acted |= {int(url.removeprefix(ELSEWHERE)) for url in told.requests if url.startswith(ELSEWHERE)}
            if acted.issuperset(numbers):
                break
        told.page.close()
    assert len(acted) >= 0.95 * len(TEXTS), sorted(set(range(len(TEXTS))) - acted)

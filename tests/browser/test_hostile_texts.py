"""Hostile texts in nine places of a report: none takes effect, and each is shown unchanged. All 500 are deep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from acting_texts import ELSEWHERE, SOME, TEXTS
from pages import a_run
from playwright.sync_api import Page as BrowserPage

from evalharness.records import CriteriaChange, KeyList, Response, Sample, SampleError, Score, Verdict
from evalharness.report.columns import columns_of
from evalharness.report.html import MAX_NAME, Page, facts_of, render_html
from evalharness.report.rows import MAX_TEXT

PER_PAGE = 100
"""The rows that the page adds at a time."""
ALL = [range(first, first + PER_PAGE) for first in range(0, len(TEXTS), PER_PAGE)]
on_each_page = pytest.mark.parametrize(
    "numbers",
    [SOME, *(pytest.param(numbers, marks=pytest.mark.deep) for numbers in ALL)],
    ids=["some", *(f"{numbers[0]}-{numbers[-1]}" for numbers in ALL)],
)
SHOWN = """[...new Set(Array.from(document.querySelectorAll("bdi, .text, li, option, td, th, p"),
    (node) => node.textContent))]"""
SHOWN_CASES = SHOWN.replace('"bdi, .text, li, option, td, th, p"', '"#cases bdi, #cases .text, #cases li"')
ALL_OPEN = """(() => { while (view.count < view.rows.length) addPage();
    document.querySelectorAll('#cases button.open').forEach((button) => button.click()); })()"""
FIRE = "window.fired = []; window.fire = (number) => { window.fired.push(number); };"
SETTLED = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))
    .then(() => Promise.all([...document.images].map((image) => image.complete || new Promise((done) => {
        image.addEventListener("load", done); image.addEventListener("error", done); }))))"""
"""Wait for the next frame and for pending loads."""
Open = Callable[..., Any]


def a_page_of_cases(numbers: Iterable[int]) -> Page:
    """A text as answer, golden, case id, tag, prompt, error, metric and file name, each of its own sample."""
    texts, run = [TEXTS[number] for number in numbers], a_run()
    samples = tuple(_sample(sample, text) for sample, text in zip(run.samples, texts, strict=False))
    joined = " \n".join(text[:2000] for text in texts)
    header = replace(run.header, file=joined, suite=joined, planned=KeyList(sample.key for sample in samples))
    run = replace(run, header=header, samples=samples, selected=header.planned)
    criteria = [CriteriaChange(text, text, text, relaxes=True) for text in texts]
    return Page("fail", joined, facts_of(run), columns_of(run, {}), (), tuple(criteria), earlier=joined)


def a_page_of_columns(numbers: Iterable[int]) -> Page:
    """A text as the name of a model and a prompt, and in every field of a gate."""
    texts, run = [TEXTS[number] for number in numbers], a_run()
    samples = tuple(_named(sample, text) for sample, text in zip(run.samples, texts, strict=False))
    header = replace(run.header, planned=KeyList(sample.key for sample in samples))
    run = replace(run, header=header, samples=samples, selected=header.planned)
    verdicts = [Verdict(text, text, text, "fail", text, tag=text) for text in texts]
    return Page("fail", "", facts_of(run), columns_of(run, {}), tuple(verdicts))


def _named(sample: Sample, text: str) -> Sample:
    return replace(sample, key=sample.key._replace(model=text, prompt=text), tags=())


def _sample(sample: Sample, text: str) -> Sample:
    model = "gemma3" if len(text) % 2 else sample.key.model  # two columns make a matrix
    return replace(
        sample,
        key=sample.key._replace(case=text, model=model),
        tags=(text,),
        golden=(text,),
        messages=tuple(replace(message, role=text, content=text) for message in sample.messages),
        response=replace(sample.response, text=text) if isinstance(sample.response, Response) else None,
        scores=(Score(text, 0.5, text),),
        failed_checks=(text,),
        error=SampleError(text, text),
    )


@pytest.mark.parametrize("make", [a_page_of_cases, a_page_of_columns], ids=["cases", "columns"])
@on_each_page
def test_nothing_acts(opened: Open, make: Callable[[Iterable[int]], Page], numbers: range) -> None:
    """No script runs, no request leaves, no error occurs, and the page shows each text unchanged."""
    visit = opened(render_html(make(numbers)), script=FIRE)
    page: BrowserPage = visit.page
    page.wait_for_selector("body[data-ready]")
    whole = cut if make is a_page_of_cases else name
    for shape in ("Matrix", "List") if numbers is SOME else ("Matrix",):
        page.get_by_role("button", name=shape, exact=True).click()
        page.evaluate(ALL_OPEN)
        shown = set(map(letters, page.evaluate(SHOWN if make is a_page_of_columns else SHOWN_CASES)))
        assert [number for number in numbers if letters(whole(TEXTS[number])) not in shown] == [], shape
    page.evaluate(SETTLED)
    assert (page.evaluate("window.fired"), visit.requests, visit.complaints) == ([], [], [])


def name(text: str) -> str:
    """Cut a name like the report."""
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}…"


def cut(text: str) -> str:
    """Cut a text like the report."""
    left_out = len(text) - MAX_TEXT
    return text if left_out <= 0 else f"{text[:MAX_TEXT]}\n[evalharness: {left_out} more characters are in run.jsonl]"


def letters(text: str) -> str:
    """Return the text with the page's numbers for invisible characters and lone surrogates."""
    return re.sub(r"⟨U\+([0-9A-F]{4,6})⟩", lambda match: chr(int(match[1], 16)), text)


def unprotected(html: str) -> str:
    """Return the page without its policy, and with texts inserted as markup."""
    html, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    shown = "function shown(value, kind) {"
    assert (policies, html.count(shown)) == (1, 1)
    return html.replace(shown, f"{shown} return document.createRange().createContextualFragment(value);")


def a_bare_page(numbers: Iterable[int]) -> Page:
    """A page with a text as the name of a changed key only, because each further place takes time."""
    run = replace(a_run(), samples=(), selected=())
    criteria = [CriteriaChange(TEXTS[number], "", "", relaxes=True) for number in numbers]
    return Page("fail", "", facts_of(run), columns_of(run, {}), (), criteria)


@on_each_page
def test_the_texts_would_act(opened: Open, numbers: range) -> None:
    """Without escaping, at least 95 of 100 texts take effect, so the test above is not void."""
    visit, acted = opened(unprotected(render_html(a_bare_page(numbers))), script=FIRE), set[int]()
    for _ in range(1200):  # limits the test to a minute
        visit.page.wait_for_timeout(50)
        acted |= set(visit.page.evaluate("window.fired"))
        acted |= {int(url.removeprefix(ELSEWHERE)) for url in visit.requests if url.startswith(ELSEWHERE)}
        if len(acted) >= 0.95 * len(numbers):
            break
    assert len(acted) >= 0.95 * len(numbers), sorted(set(numbers) - acted)

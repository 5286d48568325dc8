"""Reports that contain every kind of content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalharness.records import (
    Context,
    CriteriaChange,
    Message,
    Run,
    Sample,
    SampleError,
    Score,
    Verdict,
)
from evalharness.report.columns import BaselineView, columns_of
from evalharness.report.comparison import comparison
from evalharness.report.html import Page, extent_of, facts_of
from evalharness.testing import run, sample

METRICS = ("rouge_l", "exact")
COLUMNS = (("smollm2", "concise"), ("gemma3", "concise"))
CASES = 130


def a_sample(number: int, model: str, prompt: str) -> Sample:
    """Case 3 is an error, case 4 breaks a check, case 5 is cut off, case 6 has a note."""
    value = (number * 7 % 100) / 100
    made = sample(
        f"case-{number:03}",
        f"The answer {number} of {model}.",
        scores=[Score(metric, value, f"{metric}|v1", note="of a part" * (number == 6)) for metric in METRICS],
        prompt=prompt,
        model=model,
        digest="",
        tags=("refunds" if number % 2 else "shipping", *(("rare",) if number < 4 else ())),
        messages=(Message("system", "You answer customers."), Message("user", f"Question {number}?")),
        golden=(f"The golden answer {number}.", f"Another golden answer {number}."),
        finish_reason="length" if number == 5 else "stop",
        prompt_tokens=100,
        completion_tokens=number,
        first_token_s=0.1,
        cost_usd=0.001 if model == "gemma3" else 0.002,
    )
    if number == 7 and made.response:
        contexts = (Context("Open for 30 days.", "faq#2", 0.5),)
        made = replace(made, response=replace(made.response, contexts=contexts, data={"days": "<b>30</b>"}))
    if number == 3:
        return replace(made, response=None, scores=(), error=SampleError("deadline", "no answer within 30 s"))
    return replace(made, failed_checks=("must not contain 'answer'",)) if number == 4 else made


def a_run(**changes: Any) -> Run:
    """130 cases, two models."""
    samples = [a_sample(number, *column) for column in COLUMNS for number in range(CASES)]
    known = {"id": "20260101T000000Z-abcdef", "suite": "support", "file": "suites/support.yaml", "machine_class": "x86"}
    return run(samples, gates={}, **known | changes)


def before(of: Run) -> Mapping[tuple[str, str], Mapping[str, BaselineView]]:
    """The baseline of the first model: every fifth case was better, every seventh worse."""

    def earlier(sample: Sample) -> BaselineView:
        number = int(sample.key.case.removeprefix("case-"))
        value = sample.scores[0].value + (0.2 + number / 1000 if number % 5 == 0 else -0.1 if number % 7 == 0 else 0.0)
        text = sample.response.text if sample.response else None
        text = text and text.replace("answer", "reply" if number % 5 == 0 else "answer")
        return BaselineView(text, {"rouge_l": value}, signatures={"rouge_l": "rouge_l|v1"})

    first = [sample for sample in of.samples if sample.key.model == "smollm2" and sample.scores]
    return {("smollm2", "concise"): {sample.key.case: earlier(sample) for sample in first}}


def a_page() -> Page:
    """A red report."""
    shown = a_run()
    verdict = Verdict("smollm2", "concise", "rouge_l", "fail", "−4.0 pts", margin=5.0, before=52.0, after=48.0,
                      change=-4.0, low=-7.0, high=-1.0, p_value=0.0003, cases=130)  # fmt: skip
    passed = replace(verdict, metric="exact", status="pass", before=48.0, change=0.0, low=-2.0, high=2.0, p_value=1.0)
    return Page(
        overall="fail",
        headline="worse than the baseline: rouge_l",
        facts=facts_of(shown),
        columns=columns_of(shown, before(shown)),
        verdicts=(passed, verdict),
        criteria=(CriteriaChange("gate rouge_l margin", "0.05", "0.20", relaxes=True),),
        extent=extent_of(shown),
        answered=258,
        planned=260,
    )


def six_combinations() -> Page:
    """Three models with two prompts each, 24 cases, of which one combination is clearly the best."""
    qualities = {"smollm2": 0.7, "gemma3": 0.45, "faq": 0.2}
    prices = {"smollm2": 0.001, "gemma3": 0.003, "faq": 0.0001}
    samples = [
        sample(
            f"case-{number:02}",
            f"{'I do not know. ' if model == 'faq' else ''}Case {number} again.",
            scores=[Score(metric, _quality(number, quality + better), f"{metric}|v1") for metric in METRICS],
            prompt=prompt,
            model=model,
            digest="d",
            messages=(Message("user", f"Question {number}?"),),
            golden=(f"The golden answer {number}.",),
            cost_usd=prices[model],
        )
        for number in range(24)
        for model, quality in qualities.items()
        for prompt, better in (("concise", 0.1), ("careless", -0.1))
    ]
    return comparison([("reports/support", run(samples, gates={}, suite="support", file="suites/support.yaml"))])


def _quality(number: int, middle: float) -> float:
    return middle + (number * 37 % 21 - 10) / 100

"""The tables of `summary.md` compare the same cases."""

from __future__ import annotations

from dataclasses import replace

from outcomes import a_baseline, a_sample, an_outcome

from evalharness.records import Response, Sample, Timing, Usage
from evalharness.report.markdown import summary


def _long(number: int, tokens: int) -> Sample:
    return a_sample(number, response=Response("Answer.", "stop", Usage(tokens, tokens), Timing(0.5)))


def test_new_cases_are_in_no_level() -> None:
    """Forty that are as good as they were, and four new ones that are bad."""
    samples = [a_sample(number, 1.0 if number < 40 else 0.0) for number in range(44)]
    outcome = an_outcome(samples, baseline=a_baseline(samples[:40], 1.0), gates=[("chrf", 0.05)])
    assert "| `chrf` | 100.0 → 100.0 | ±0.0 pts |" in summary([outcome])


def test_tokens_of_the_cases_that_were_run() -> None:
    """A run of one case is compared with the baseline of that case."""
    samples = [_long(0, 10)]
    baseline = a_baseline([a_sample(number) for number in range(10)])
    stored = {name: replace(case.samples[0], prompt_tokens=901) for name, case in baseline.cases.items()}
    stored["case-0"] = replace(stored["case-0"], prompt_tokens=12, completion_tokens=11)
    cases = {name: replace(case, samples=(stored[name],)) for name, case in baseline.cases.items()}
    text = summary([an_outcome(samples, baseline=replace(baseline, cases=cases))])
    assert "| `smollm2`, `concise` | 1 | 12.0 → 10.0, −16.7 % | 11.0 → 10.0, −9.1 % |" in text


def test_tokens_of_cases_that_are_new() -> None:
    """There is nothing before; an edited case is another one."""
    baseline = a_baseline([a_sample(0, digest="another")])
    text = summary([an_outcome([_long(0, 10), _long(1, 30)], baseline=baseline)])
    assert "| `smollm2`, `concise` | 2 | - → 20.0 | - → 20.0 |" in text

"""The lines on fresh and replayed answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from outcomes import a_run, a_sample, broken

from evalharness.records import Sample
from evalharness.report.usage import dollars, usage_lines

DAY_1, DAY_2 = "2026-01-01T23:59:59+00:00", "2026-02-03T00:00:00+00:00"
AGAIN = "; --llm-record=all runs them again"


def paid(number: int, cost: float = 0.01, **more: Any) -> Sample:
    """An answer of 120 tokens with a cost."""
    return a_sample(number, cost_usd=cost, **more)


def uncounted(number: int) -> Sample:
    """An answer with a cost, whose tokens are an estimate."""
    sample = paid(number)
    assert sample.response
    return replace(sample, response=replace(sample.response, usage=replace(sample.response.usage, estimated=True)))


def old(number: int, day: str = DAY_1, **more: Any) -> Sample:
    """A replayed answer."""
    return a_sample(number, recorded_at=day, attempts=0, **more)


@pytest.mark.parametrize(
    ("samples", "lines"),
    [
        ([], []),
        ([a_sample(1), a_sample(2)], []),
        ([a_sample(1), broken(2)], []),
        ([paid(1), paid(2)], ["fresh     2 of 2 answers, $0.02 for 240 tokens"]),
        ([paid(1), uncounted(2), uncounted(3)],
         ["fresh     3 of 3 answers, $0.03 for 360 tokens (estimated for 2 answers without token counts)"]),
        ([uncounted(1)],
         ["fresh     1 of 1 answers, $0.01 for 120 tokens (estimated for 1 answer without token counts)"]),
        ([paid(1, 0.0), paid(2, 0.0)], ["fresh     2 of 2 answers, $0.00 for 240 tokens"]),
        ([paid(1), broken(2)], ["fresh     1 of 2 answers, $0.01 for 120 tokens"]),
        ([paid(1), a_sample(2, attempts=0, cost_usd=0.0)], ["fresh     2 of 2 answers, $0.01 for 240 tokens"]),
        ([a_sample(1, attempts=3), a_sample(2)], ["fresh     2 of 2 answers, 1 after a retry"]),
        ([paid(n, 1.0, attempts=2) for n in range(10)],
         ["fresh     10 of 10 answers, 10 after a retry, $10.00 for 1,200 tokens"]),
        ([old(1), old(2)], [f"replayed  2 of 2 answers, recorded on 2026-01-01{AGAIN}"]),
        ([old(1, DAY_2), old(2), old(3)], [f"replayed  3 of 3 answers, recorded from 2026-01-01 to 2026-02-03{AGAIN}"]),
        ([old(1, cost_usd=5.0)], [f"replayed  1 of 1 answers, recorded on 2026-01-01{AGAIN}"]),
        ([old(1, cost_usd=5.0), paid(2), broken(3)],
         ["fresh     1 of 3 answers, $0.01 for 120 tokens",
          f"replayed  1 of 3 answers, recorded on 2026-01-01{AGAIN}"]),
    ],
)  # fmt: skip
def test_lines(samples: list[Sample], lines: list[str]) -> None:
    """Fresh answers, retries, cost and replayed answers; replayed answers cost nothing."""
    assert list(usage_lines(a_run(samples))) == lines


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (1e-7, "$1.0e-07"),
        (0.00009, "$9.0e-05"),
        (0.0001, "$0.0001"),
        (0.00123456, "$0.0012"),
        (0.01, "$0.01"),
        (0.999, "$1"),
        (1, "$1.00"),
        (1.005, "$1.00"),
        (37, "$37.00"),
        (12345.678, "$12345.68"),
    ],
)
def test_dollars(amount: float, text: str) -> None:
    """Small amounts have two significant digits."""
    assert dollars(amount) == text

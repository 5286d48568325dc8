"""Replayed answers, retries and cost of a run, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalharness.records import JudgedAgain, Run, Sample
from evalharness.records.marks import Mark, numbers_in
from evalharness.records.numbers import Numbers

_RETRIED, _RESPONDED, _ESTIMATED = map(int, (Mark.RETRIED, Mark.RESPONDED, Mark.ESTIMATED))


def usage_lines(run: Run) -> Iterator[str]:
    """A line on fresh answers, retries and cost, one on replayed answers, and one on accepted answers judged again.

    A line without content is left out.
    """
    used, total = _used(run.samples), len(run.samples)
    parts = [f"{used.fresh} of {total} answers"]
    parts += [f"{used.retried} after a retry"] if used.retried else []
    parts += [f"{dollars(used.cost)} for {used.tokens:,} tokens{_estimated(used)}"] if used.priced else []
    parts += [f"{dollars(used.of_metrics)} for metrics"] if used.of_metrics else []
    if used.retried or used.priced or used.of_metrics:
        yield f"fresh     {', '.join(parts)}"
    if used.replayed:
        days = f"on {used.first}" if used.first == used.last else f"from {used.first} to {used.last}"
        yield f"replayed  {used.replayed} of {total} answers, recorded {days}; --llm-record=all runs them again"
    if judged := [one for one in run.judged_again if one.answers]:
        yield f"judged    {judged_text(judged)}"


@dataclass(slots=True)
class _Used:
    """Sums over the answers of a run."""

    fresh: int = 0
    retried: int = 0
    """Samples that were sent more than once."""
    replayed: int = 0
    priced: int = 0
    """Fresh answers with a known price."""
    cost: float = 0.0
    tokens: int = 0
    """Of the fresh answers, as the cost is."""
    estimated: int = 0
    """Fresh answers without token counts."""
    of_metrics: float = 0.0
    """Dollars for the requests of metrics."""
    first: str = ""
    """The days of the oldest and of the latest replayed answer."""
    last: str = ""

    def add(self, marks: int, numbers: Numbers) -> None:
        """Add a sample."""
        self.retried += marks & _RETRIED > 0
        self.of_metrics += numbers.metrics_cost_usd
        if not marks & _RESPONDED:
            return
        if day := numbers.recorded_on:
            self.first, self.last = min(self.first or day, day), max(self.last, day)
            self.replayed += 1
            return
        self.fresh += 1
        self.tokens += numbers.prompt_tokens + numbers.completion_tokens
        self.estimated += marks & _ESTIMATED > 0
        if numbers.cost_usd is not None:
            self.priced, self.cost = self.priced + 1, self.cost + numbers.cost_usd


def _used(samples: Sequence[Sample]) -> _Used:
    found = _Used()
    for marks, numbers in numbers_in(samples, Mark.RETRIED | Mark.RESPONDED | Mark.ESTIMATED):
        found.add(marks, numbers)
    return found


def judged_text(judged: Sequence[JudgedAgain]) -> str:
    """How many accepted answers changed judges have judged, the requests that were sent, and what they cost."""
    answers, sent = sum(len(one.answers) for one in judged), sum(one.sent for one in judged)
    cost = sum(one.cost_usd for one in judged)
    effort = f"{_count(sent, 'request')} sent" + (f", {dollars(cost)}" if cost else "")
    return f"{_count(answers, 'accepted answer')} judged again ({effort})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _estimated(used: _Used) -> str:
    """A note on the answers without token counts, whose cost is an estimate."""
    count = used.estimated
    return f" (estimated for {count} answer{'s' if count > 1 else ''} without token counts)" if count else ""


def dollars(amount: float) -> str:
    """An amount with two significant digits below one dollar, and with cents above."""
    return (
        f"${amount:.2f}" if amount >= 1 or amount == 0 else f"${amount:.2g}" if amount >= 0.0001 else f"${amount:.1e}"
    )

"""A third party's report format: the number of words of each answer, the longest first."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness import Outcome, ReportFormat


def render(outcome: Outcome) -> Iterator[str]:
    """A line per answer: words, model, case."""
    answers = [(len(s.response.text.split()), s.key) for s in outcome.run.samples if s.response]
    yield f"{outcome.run.header.suite}: {outcome.status}\n"
    yield from (f"{words:>5}  {key.model}  {key.case}\n" for words, key in sorted(answers, reverse=True))


words = ReportFormat("words.txt", render)

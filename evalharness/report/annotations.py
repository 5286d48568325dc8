"""Annotations of pull requests: gates, cases and criteria at their lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from evalharness.records import Location, Status, Suite, Verdict
from evalharness.report.causes import Cause, causes
from evalharness.report.diffs import AnswerDiff
from evalharness.report.encode import one_line
from evalharness.report.outcome import Outcome

Level = Literal["error", "warning"]
_LEVELS: dict[Status, Level] = {
    "fail": "error",
    "error": "error",
    "incomparable": "error",
    "no baseline": "warning",
    "inconclusive": "warning",
}
MAX_WORSE = 20
"""Cases that are listed when a gate fails."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A message about one line of a suite file. Its texts are printable and have no line end."""

    level: Level
    check: Literal["gate", "case", "criteria"]
    name: str
    """Identifies the annotation across runs, together with `of`."""
    where: Location
    title: str
    message: str
    of: tuple[str, ...] = ()
    """Model and prompt where it has them: `a-b`, `c` and `a`, `b-c` make the same name."""


def find_annotations(outcome: Outcome) -> list[Annotation]:
    """Every annotation of an outcome, errors first.

    Without the suite, all point to the first line of its file.
    """
    places = _Places(outcome.run.header.file, outcome.suite)
    found = [*_gates(outcome, places), *_cases(outcome, places), *_criteria(outcome, places)]
    return sorted(found, key=lambda annotation: annotation.level)


class _Places:
    """The lines of gates and cases."""

    def __init__(self, file: str, suite: Suite | None) -> None:
        self.whole = Location(file, 1)
        self._cases = {case.id: case.where for case in suite.cases} if suite else {}
        gates = suite.gates if suite else ()
        self._gates = {(gate.rule.metric, gate.rule.tag): gate.where for gate in gates}
        self._gates |= {(f"worst_{metric}", tag): where for (metric, tag), where in self._gates.items()}

    def of_case(self, name: str) -> Location:
        return self._cases.get(name, self.whole)

    def of_gate(self, verdict: Verdict) -> Location:
        return self._gates.get((verdict.metric, verdict.tag), self.whole)


def _gates(outcome: Outcome, places: _Places) -> Iterator[Annotation]:
    for verdict in outcome.verdicts:
        if verdict.gating and verdict.status != "pass" and outcome.is_decidable(verdict):
            title = one_line(f"{verdict.status.upper()} {verdict.name}")
            level, where = _LEVELS[verdict.status], places.of_gate(verdict)
            message, of = one_line(verdict.reason, 1000), (verdict.model, verdict.prompt)
            yield Annotation(level, "gate", verdict.name, where, title, message, of)


def _cases(outcome: Outcome, places: _Places) -> Iterator[Annotation]:
    """Each error once, and broken assertions; if a gate failed, also the cases with the largest drops."""
    answers = outcome.contents.answers
    yield from (_error(cause, places) for cause in causes(outcome.run.samples))
    failed = any(verdict.gating and verdict.status == "fail" for verdict in outcome.verdicts)
    for answer in [*answers.of("broken"), *answers.of("worse")[: MAX_WORSE if failed else 0]]:
        key = answer.sample.key
        level: Level = "warning" if answer.how == "worse" else "error"
        name, where = f"{key.case}[{key.model}-{key.prompt}]", places.of_case(key.case)
        message, of = one_line(_message(answer), 1000), (key.model, key.prompt)
        yield Annotation(level, "case", name, where, one_line(name), message, of)


def _error(cause: Cause, places: _Places) -> Annotation:
    """An annotation at the first case of an error."""
    key = cause.sample.key
    name, message = f"{key.case}[{key.model}-{key.prompt}]", f"no answer for {cause.count}: {cause.headline}"
    where, of = places.of_case(key.case), (key.model, key.prompt)
    return Annotation("error", "case", name, where, one_line(name), one_line(message, 1000), of)


def _message(answer: AnswerDiff) -> str:
    sample = answer.sample
    if sample.failed_checks:
        return f"the answer {'; '.join(sample.failed_checks)}"
    text = sample.response.text if sample.response else ""
    return f"{answer.moved}: {text[:500]}"


def _criteria(outcome: Outcome, places: _Places) -> Iterator[Annotation]:
    for change in outcome.relaxing:
        message = one_line(str(change), 1000)
        yield Annotation("warning", "criteria", change.what, places.whole, "this change relaxes the criteria", message)

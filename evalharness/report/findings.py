"""What a team should look at, each with its place in the suite: for annotations and code-quality reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from evalharness.records import Location, Status, Suite, Verdict
from evalharness.report import Outcome
from evalharness.report.diffs import AnswerDiff, answers
from evalharness.report.encode import MINUS, one_line

Level = Literal["error", "warning"]
_LEVELS: dict[Status, Level] = {
    "fail": "error",
    "error": "error",
    "incomparable": "error",
    "no baseline": "warning",
    "inconclusive": "warning",
}
MOST_WORSE = 20
"""Cases that are shown beside a gate that failed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One of them. Its texts are printable and on one line."""

    level: Level
    check: Literal["gate", "case", "exam"]
    name: str
    """The same in the next run, if it is the same finding."""
    where: Location
    title: str
    message: str
    of: tuple[str, ...] = ()
    """Model and prompt, where it has them: names of two pairs may read the same."""


def findings(outcome: Outcome, suite: Suite | None) -> list[Finding]:
    """Errors first. `suite` knows the lines; without it all are found in the first line of the suite's file."""
    places = _Places(outcome.run.header.file, suite)
    found = [*_gates(outcome, places), *_cases(outcome, places), *_criteria(outcome, places)]
    return sorted(found, key=lambda finding: finding.level)


class _Places:
    """Where gates and cases stand."""

    def __init__(self, file: str, suite: Suite | None) -> None:
        self.whole = Location(file, 1)
        self._cases = {case.id: case.where for case in suite.cases} if suite else {}
        self._gates = {(gate.rule.metric, gate.rule.tag): gate.where for gate in suite.gates} if suite else {}

    def of_case(self, name: str) -> Location:
        return self._cases.get(name, self.whole)

    def of_gate(self, verdict: Verdict) -> Location:
        return self._gates.get((verdict.metric, verdict.tag), self.whole)


def _gates(outcome: Outcome, places: _Places) -> Iterator[Finding]:
    for verdict in outcome.verdicts:
        if verdict.gating and verdict.status != "pass":
            title = one_line(f"{verdict.status.upper()} {verdict.name}")
            level, where = _LEVELS[verdict.status], places.of_gate(verdict)
            told, of = one_line(verdict.reason, 1000), (verdict.model, verdict.prompt)
            yield Finding(level, "gate", verdict.name, where, title, told, of)


def _cases(outcome: Outcome, places: _Places) -> Iterator[Finding]:
    """What has no answer or breaks an assertion; and where a gate failed, the cases that fell most."""
    ranked = answers(outcome)
    failed = any(verdict.gating and verdict.status == "fail" for verdict in outcome.verdicts)
    worse = [answer for answer in ranked if answer.how == "worse"][: MOST_WORSE if failed else 0]
    for answer in [*(answer for answer in ranked if answer.how in ("error", "broken")), *worse]:
        key = answer.sample.key
        level: Level = "warning" if answer.how == "worse" else "error"
        name, where = f"{key.case}[{key.model}-{key.prompt}]", places.of_case(key.case)
        told, of = one_line(_told(answer), 1000), (key.model, key.prompt)
        yield Finding(level, "case", name, where, one_line(name), told, of)


def _told(answer: AnswerDiff) -> str:
    sample = answer.sample
    if sample.error:
        return f"no answer: {sample.error.kind}: {sample.error.message}"
    if sample.failed_checks:
        return f"the answer {'; '.join(sample.failed_checks)}"
    text = sample.response.text if sample.response else ""
    return f"{answer.change * 100:+.0f} pts".replace("-", MINUS) + f": {text[:500]}"


def _criteria(outcome: Outcome, places: _Places) -> Iterator[Finding]:
    for change in outcome.relaxing:
        told = one_line(str(change), 1000)
        yield Finding("warning", "exam", change.what, places.whole, "this change makes its own exam easier", told)

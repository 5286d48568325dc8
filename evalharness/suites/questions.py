"""The questions of single cases for the judges of a suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalharness.errors import Problem, did_you_mean
from evalharness.suites.document import Document, Loc
from evalharness.suites.schema import CaseSchema


def asked(raw: CaseSchema) -> list[Any]:
    """The questions, for the digest of the case; empty without any."""
    return [{"judge": raw.judge}] if raw.judge else []


def question_problems(case: CaseSchema, document: Document, loc: Loc, metrics: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each question that no judge of the suite asks. `metrics`: opened, by name."""
    judges = [name for name, metric in metrics.items() if metric.asks_cases]
    for name, question in case.judge.items():
        if not question.strip():
            yield document.problem((*loc, "judge", name), "expected a question, got blanks")
        if name not in judges:
            hint = did_you_mean(name, judges) if judges else "; it has no judges: add a metric `judge`"
            yield document.problem((*loc, "judge", name), f"no judge '{name}' in this suite{hint}")
    if case.judge and case.turns:
        message = "a case with turns has an answer for each turn: ask in the metrics of the suite"
        yield document.problem(loc, message)

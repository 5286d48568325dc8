"""Gates as test results: `suites/support.yaml::gate[model-prompt-metric]` passes, fails or is skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from evalharness.pytest_plugin._output import Explained, node_name, reason
from evalharness.pytest_plugin.alike import ALIKE
from evalharness.pytest_plugin.junit import Property, gate_properties
from evalharness.records import Verdict
from evalharness.report import Outcome
from evalharness.report.explain import explain_gate
from evalharness.store import in_ci

_RESERVATION = "evalharness_reservation"
"""The attribute of the report of a run that is not green without a regression: it has an exit status of its own."""


def gate_reports(outcome: Outcome, *, fail_inconclusive: bool) -> Iterator[pytest.TestReport]:
    """A test report for each gate, for criteria that keep a run from green, and for a refused acceptance."""
    seen: set[str] = set()
    for verdict in outcome.verdicts:
        result = _result(verdict, outcome, fail_inconclusive)
        word = verdict.status.upper() if verdict.gating else "not gated:"
        text = explain_gate(verdict, outcome) if result == "failed" else f"{word} {verdict.reason}"
        report = _report(outcome, f"gate[{verdict.name}]", result, text, gate_properties(verdict))
        if result == "failed" and (verdict.reason in seen or not outcome.is_decidable(verdict)):
            setattr(report, ALIKE, True)  # another gate, or the errors of its cases, explain it
        seen |= {verdict.reason} if verdict.status == "error" else set()
        yield report
    if outcome.reservation:
        report = _report(outcome, "criteria", "failed", f"{outcome.word} {outcome.reservation}")
        setattr(report, _RESERVATION, True)
        yield report
    if outcome.refusal:
        yield _report(outcome, "accept", "failed", outcome.refusal)


def add_result(report: pytest.TestReport, session: pytest.Session) -> None:
    """Count and log the result of a gate. A reservation is no failed test: it has an exit status of its own."""
    failed = session.testsfailed + (report.failed and not hasattr(report, _RESERVATION))
    session.testscollected += 1
    for part in (report, _finished(report)):
        session.config.hook.pytest_runtest_logreport(report=part)
    session.testsfailed = failed  # pytest has counted it too


def _finished(report: pytest.TestReport) -> pytest.TestReport:
    """The teardown report of a gate: pytest's junitxml writes properties only from these."""
    return pytest.TestReport(
        nodeid=report.nodeid,
        location=report.location,
        keywords=report.keywords,
        outcome="passed",
        longrepr=None,
        when="teardown",
        user_properties=report.user_properties,
    )


def _result(verdict: Verdict, outcome: Outcome, fail_inconclusive: bool) -> str:
    if verdict.status == "pass":
        return "passed"
    if not verdict.gating or (outcome.accepted and verdict.status in ("fail", "incomparable", "no baseline")):
        return "skipped"  # a metric without a gate, or a change that this run accepts
    if verdict.status == "inconclusive":
        return "failed" if fail_inconclusive else "skipped"
    if verdict.status == "no baseline":
        return "failed" if in_ci() and outcome.compared else "skipped"
    return "failed"


def _report(
    outcome: Outcome, name: str, result: Any, text: str, properties: Iterable[Property] = ()
) -> pytest.TestReport:
    file, name = node_name(outcome.run.header.file), node_name(name)
    longrepr: Any = None
    if result == "failed":
        longrepr = Explained(text, file)
    elif result == "skipped":
        longrepr = (file, None, reason(text))
    return pytest.TestReport(
        nodeid=f"{file}::{name}",
        location=(file, None, name),
        keywords={name: 1},
        outcome=result,
        longrepr=longrepr,
        when="call",
        user_properties=properties,
    )

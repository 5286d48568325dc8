"""An audit as JSON and as markdown. All texts in it are of other people: each is a code span."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from evalharness.records.audit import Audit, AuditedAcceptance, AuditedJudge, AuditedLabels
from evalharness.report.encode import cell, code, codes

SCHEMA = 1
_MOST_LISTED = 20
"""Most files, cases or names in one line."""
_SERIOUS = ("fail", "error", "incomparable")
"""Statuses that the summary counts when an acceptance overrides them."""


def audit_json(audit: Audit) -> dict[str, Any]:
    """The audit as plain data, for other programs."""
    return {"schema": SCHEMA, "kind": "audit", **asdict(audit)}


def audit_markdown(audit: Audit) -> str:
    """The audit for a release: a summary, then acceptances, judges, labels and problems."""
    parts = [f"# Audit{_scope(audit)}", "\n".join(_summary(audit))]
    parts += [_section("Acceptances", (_acceptance(one) for one in audit.acceptances))]
    parts += [_section("Judges", _judges(audit.judges)), _section("Labels", _labels(audit.labels))]
    parts += [_section("Problems", (f"- {code(text, 1000)}" for text in audit.problems))]
    return "\n\n".join(filter(None, parts)) + "\n"


def _scope(audit: Audit) -> str:
    suites = f" of {_list(audit.suites)}" if audit.suites else ""
    return suites + (f" since {code(audit.since)}" if audit.since else "")


def _section(title: str, lines: Iterator[str]) -> str:
    text = "\n".join(lines)
    return f"## {title}\n\n{text}" if text else ""


def _summary(audit: Audit) -> Iterator[str]:
    if audit.problems:
        yield f"**{_count(len(audit.problems), 'problem')}**: the audit is incomplete, see the end.\n"
    if audit.is_empty:
        yield "Nothing was accepted, labelled or calibrated" + (
            f" since {code(audit.since)}." if audit.since else " yet."
        )
        return
    found = audit.acceptances
    overrode = sum(one.overrode in _SERIOUS for one in found)
    relaxed, unknown = sum(bool(one.relaxed) for one in found), sum(one.relaxed is None for one in found)
    yield f"- {_count(len(found), 'acceptance')} by {_count(len({one.by for one in found}), 'person', 'people')}"
    if found:
        yield f"- overriding a run that failed or could not be decided: {overrode}"
        yield f"- of a run with relaxed criteria: {relaxed}" + (f", unknown of {unknown}" if unknown else "")
    advisory = sum(bool(one.problems) for one in audit.judges)
    yield f"- {_count(len(audit.judges), 'calibration')} of judges" + (f", {advisory} advisory" if advisory else "")
    yield f"- {_count(sum(one.labels for one in audit.labels), 'label')}"


def _acceptance(one: AuditedAcceptance) -> str:
    what = "as golden answers" if one.cases else "as a baseline"
    dirty = " with uncommitted changes" if one.dirty else ""
    commit = f"commit {code(one.commit)}{dirty}" if one.commit else "no commit"
    lines = [
        f"- {code(one.at)} {code(one.by)} accepted {code(one.suite)} {what} (line {one.line})",
        f"  - reason: {code(one.because, 2000) if one.because.strip() else 'none given'}",
        f"  - evidence: run {code(one.run)}, {commit}",
        f"  - status before: **{one.overrode.upper()}**{_gates(one)}",
        f"  - models and prompts: {_list((*one.models, *one.prompts))}",
        f"  - files: {_list(one.files)}" + (f"; cases: {_list(one.cases)}" if one.cases else ""),
    ]
    replaced = ["  - the new golden answers replaced the old ones"] if one.replaced else []
    return "\n".join([*lines, *replaced, *_relaxed(one)])


def _gates(one: AuditedAcceptance) -> str:
    if one.verdicts is None:
        return ""
    counts = ", ".join(f"{number} {status}" for status, number in one.verdicts.items() if number)
    return f"; gates: {counts or 'none'}"


def _relaxed(one: AuditedAcceptance) -> Iterator[str]:
    if one.relaxed is None:
        yield "  - relaxed criteria: unknown, not recorded"
    elif not one.relaxed:
        yield "  - relaxed criteria: none"
    else:
        yield f"  - relaxed criteria: {len(one.relaxed)}"
        yield from (f"    - {text}" for text in codes(one.relaxed, 500))


def _judges(judges: Sequence[AuditedJudge]) -> Iterator[str]:
    if judges:
        yield from _head("suite", "metric", "Se", "Sp", "labels", "people", "calibrated", "decides")
    for one in judges:
        shares = (_share(one.se, one.se_bounds), _share(one.sp, one.sp_bounds))
        labels = f"{one.labels} ({one.good} good, {one.bad} bad)"
        decides = "yes" if not one.problems else f"advisory: {cell('; '.join(one.problems), 500)}"
        yield _row(cell(one.suite), cell(one.metric), *shares, labels, str(one.people), cell(one.at), decides)
    if judges:
        yield ""
    for one in judges:
        yield f"- {code(one.metric)} of {code(one.suite)} is {code(one.signature, 1000)}"


def _share(value: float | None, bounds: tuple[float, float]) -> str:
    return "-" if value is None else f"{value:.2f} ({bounds[0]:.2f} to {bounds[1]:.2f})"


def _labels(labels: Sequence[AuditedLabels]) -> Iterator[str]:
    if labels:
        yield from _head("suite", "metric", "by", "labels", "blind", "drawn at random", "from", "to")
    for one in labels:
        metric = cell(one.metric) if one.metric else "blind comparison"
        by = cell(one.by) + (" (a model: never calibrates)" if one.made_by == "model" else "")
        counts = map(str, (one.labels, one.blind, one.drawn))
        yield _row(cell(one.suite), metric, by, *counts, cell(one.first), cell(one.last))


def _list(texts: Sequence[str]) -> str:
    rest = len(texts) - _MOST_LISTED
    return ", ".join(codes(texts[:_MOST_LISTED])) + (f" and {rest} more" if rest > 0 else "")


def _count(number: int, what: str, several: str = "") -> str:
    return f"{number} {what if number == 1 else several or f'{what}s'}"


def _head(*names: str) -> tuple[str, str]:
    return _row(*names), f"|{' --- |' * len(names)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"

"""An outcome as OpenMetrics text, which is also valid in Prometheus' older text format.

Gauges alone: each run replaces the values of the last one. Names and labels are listed in docs/publish.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from evalharness.records import SEVERITY, Verdict
from evalharness.records.marks import Mark, count_marked
from evalharness.report import Outcome
from evalharness.report.encode import one_line
from evalharness.report.gate_data import gate_data

STATUSES = (*SEVERITY, "accepted")
FAMILIES: Mapping[str, str] = {
    "evalharness_run_status": "1 for the status of the latest run, 0 for the others.",
    "evalharness_run_timestamp_seconds": "When the latest run started, in seconds since 1970.",
    "evalharness_run_samples": "Samples of the latest run.",
    "evalharness_run_errors": "Samples without a usable result, and selected cases without a sample.",
    "evalharness_run_failed_checks": "Samples that break a hard assertion.",
    "evalharness_score": "Mean score of a metric over the planned samples, from 0 to 1.",
    "evalharness_gate_status": "1 for the status of the gate, 0 for the others.",
    "evalharness_gate_before": "Mean of the baseline over the compared cases.",
    "evalharness_gate_after": "Mean of the latest run over the compared cases.",
    "evalharness_gate_change": "Change of the mean, in points of a score or in percent.",
    "evalharness_gate_change_low": "One-sided 95 % lower bound of the change.",
    "evalharness_gate_change_high": "One-sided 95 % upper bound of the change.",
    "evalharness_gate_margin": "Margin of the gate, in the unit of the change.",
}
"""Name -> help. All are gauges."""
_OF_GATE = {"before": "before", "after": "after", "change": "change", "low": "change_low", "high": "change_high"}
_Row = tuple[str, dict[str, str], float]


def metrics_text(outcome: Outcome) -> str:
    """The metrics of one run."""
    rows, lines = list(_rows(outcome)), []
    for name, help_text in FAMILIES.items():
        mine = [f"{name}{_labels(labels)} {value!r}" for family, labels, value in rows if family == name]
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge", *dict.fromkeys(mine)] if mine else []
    return "\n".join([*lines, "# EOF"]) + "\n"


def _rows(outcome: Outcome) -> Iterator[_Row]:
    run, names = outcome.run, {"suite": outcome.run.header.suite}
    yield from _states("evalharness_run_status", names, outcome.word.lower())
    if (started := _seconds(run.header.started_at)) is not None:
        yield "evalharness_run_timestamp_seconds", names, started
    yield "evalharness_run_samples", names, len(run.samples)
    yield "evalharness_run_errors", names, count_marked(run.samples, Mark.ERROR) + len(outcome.lost)
    yield "evalharness_run_failed_checks", names, count_marked(run.samples, Mark.FAILED)
    for (model, prompt), means in run.means.items():
        for metric, mean in means.items():
            yield "evalharness_score", {**names, "model": model, "prompt": prompt, "metric": metric}, mean
    for verdict in outcome.verdicts:
        yield from _of_gate(names, verdict)


def _of_gate(names: dict[str, str], verdict: Verdict) -> Iterator[_Row]:
    of = {"model": verdict.model, "prompt": verdict.prompt, "metric": verdict.metric, "tag": verdict.tag}
    labels = {**names, **of, "pinned": str(verdict.pinned).lower(), "gating": str(verdict.gating).lower()}
    yield from _states("evalharness_gate_status", labels, verdict.status)
    data = gate_data(verdict)
    for field, name in _OF_GATE.items():
        unit = verdict.level_unit if field in ("before", "after") else verdict.unit
        if data[field] is not None:
            yield f"evalharness_gate_{name}", {**labels, "unit": unit}, data[field]
    if data["margin"] is not None:
        yield "evalharness_gate_margin", {**labels, "unit": verdict.unit}, data["margin"]


def _states(family: str, labels: dict[str, str], status: str) -> Iterator[_Row]:
    for one in STATUSES:
        yield family, {**labels, "status": one}, int(one == status)


def _seconds(started_at: str) -> float | None:
    try:
        return datetime.fromisoformat(started_at).timestamp()
    except ValueError:  # the record is untrusted
        return None


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return one_line(value).replace("\\", r"\\").replace('"', r"\"")

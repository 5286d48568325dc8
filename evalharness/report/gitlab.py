"""What GitLab's merge requests show: a metrics report (OpenMetrics) and a code-quality report (JSON)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from evalharness.records import Sample
from evalharness.report import Outcome
from evalharness.report.encode import one_line
from evalharness.report.findings import Finding

_SEVERITY = {"error": "critical", "warning": "minor"}
_HELP = {
    "evalharness_score": "Mean score of a metric over the cases, from 0 to 1.",
    "evalharness_answers": "Answers that were scored.",
    "evalharness_unusable_answers": "Answers that are missing or break a hard assertion.",
    "evalharness_prompt_tokens": "Mean tokens of a prompt.",
    "evalharness_completion_tokens": "Mean tokens of an answer.",
    "evalharness_cost_usd": "Mean dollars of an answer.",
}


def metrics(outcomes: Sequence[Outcome]) -> str:
    """OpenMetrics text. GitLab compares the values as strings: so they are rounded, and seconds, which differ from run
    to run, are left out.
    """
    rows = sorted({row for outcome in outcomes for row in _rows(outcome)})
    lines = []
    for name, told in _HELP.items():
        mine = [f"{name}{labels} {value}" for family, labels, value in rows if family == name]
        lines += [f"# HELP {name} {told}", f"# TYPE {name} gauge", *mine] if mine else []
    return "\n".join([*lines, "# EOF"]) + "\n"


def _rows(outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in outcome.run.samples:
        if sample.purpose != "rerun":
            groups.setdefault((sample.key.model, sample.key.prompt), []).append(sample)
    for (model, prompt), samples in groups.items():
        names = {"suite": outcome.run.header.suite, "model": model, "prompt": prompt}
        for family, more, value in _values(outcome, samples):
            yield f"evalharness_{family}", _labels(names | more), value


def _values(outcome: Outcome, samples: Sequence[Sample]) -> Iterator[tuple[str, dict[str, str], str]]:
    for metric in outcome.run.header.metrics:
        if cases := _cases(samples, metric):
            yield "score", {"metric": metric}, f"{fmean(cases):.4f}"
    yield "answers", {}, str(sum(sample.answered for sample in samples))
    yield "unusable_answers", {}, str(sum(not sample.ok for sample in samples))
    usages = [sample.response.usage for sample in samples if sample.response]
    if usages:
        yield "prompt_tokens", {}, f"{fmean(usage.prompt_tokens for usage in usages):.1f}"
        yield "completion_tokens", {}, f"{fmean(usage.completion_tokens for usage in usages):.1f}"
    if costs := [sample.cost_usd for sample in samples if sample.cost_usd is not None]:
        yield "cost_usd", {}, f"{fmean(costs):.8f}"


def _cases(samples: Sequence[Sample], metric: str) -> list[float]:
    """The mean of each case: one that was drawn more often weighs no more."""
    found: dict[str, list[float]] = {}
    for sample in samples:
        if score := sample.score(metric):
            found.setdefault(sample.key.case, []).append(score.value)
    return [fmean(values) for values in found.values()]


def _labels(names: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{key}="{_label(value)}"' for key, value in names.items()) + "}"


def _label(value: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", one_line(value))


def code_quality(found: Sequence[Finding], folder: str = "") -> str:
    """A code-quality report. The fingerprint of a finding is the same in every run: so GitLab tells new from known."""
    return json.dumps([_issue(finding, folder) for finding in found], ensure_ascii=False, indent=1) + "\n"


def _issue(finding: Finding, folder: str) -> dict[str, object]:
    path = one_line(folder + finding.where.file, 400)
    identity = json.dumps([path, finding.check, finding.name, *finding.of])
    return {
        "description": f"{finding.title}: {finding.message}",
        "check_name": f"evalharness-{finding.check}",
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "severity": _SEVERITY[finding.level],
        "location": {"path": path, "lines": {"begin": max(1, finding.where.line)}},
    }

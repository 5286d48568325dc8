"""Reports for GitLab merge requests: metrics (OpenMetrics), code quality (JSON)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from evalharness.records.marks import Mark, count_marked
from evalharness.report.annotations import Annotation
from evalharness.report.columns import Column
from evalharness.report.encode import json_text, one_line
from evalharness.report.outcome import Outcome

_SEVERITY = {"error": "critical", "warning": "minor"}
_HELP = {
    "evalharness_score": "Mean score of a metric over the cases, from 0 to 1.",
    "evalharness_answers": "Answers that were scored.",
    "evalharness_unusable_answers": "Answers that are missing or break a hard assertion.",
    "evalharness_prompt_tokens": "Mean tokens per prompt.",
    "evalharness_completion_tokens": "Mean tokens per answer.",
    "evalharness_cost_usd": "Mean dollars per answer.",
}


def metrics(outcomes: Sequence[Outcome]) -> str:
    """OpenMetrics text.

    GitLab compares values as strings, so they are rounded, and seconds are left out.
    """
    rows = sorted({row for outcome in outcomes for row in _rows(outcome)})
    lines = []
    for name, help_text in _HELP.items():
        mine = [f"{name}{labels} {value}" for family, labels, value in rows if family == name]
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge", *mine] if mine else []
    return "\n".join([*lines, "# EOF"]) + "\n"


def _rows(outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    for column in (column for column in outcome.contents.columns if column.samples):
        names = {"suite": outcome.run.header.suite, "model": column.model, "prompt": column.prompt}
        for family, more, value in _values(outcome, column):
            yield f"evalharness_{family}", _labels(names | more), value


def _values(outcome: Outcome, column: Column) -> Iterator[tuple[str, dict[str, str], str]]:
    found, samples = column.tally, column.samples
    for metric in outcome.run.header.metrics:
        if scores := found.scores.get(metric):
            yield "score", {"metric": metric}, f"{fmean(scores.means()):.4f}"
    yield "answers", {}, str(count_marked(samples, Mark.ANSWERED))
    good = count_marked(samples, Mark.ANSWERED, Mark.FAILED)
    yield "unusable_answers", {}, str(len(samples) - good)
    if found.prompt_tokens:
        yield "prompt_tokens", {}, f"{fmean(found.prompt_tokens):.1f}"
        yield "completion_tokens", {}, f"{fmean(found.completion_tokens):.1f}"
    if found.costs:
        yield "cost_usd", {}, f"{fmean(found.costs):.8f}"


def _labels(names: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{key}="{_label(value)}"' for key, value in names.items()) + "}"


def _label(value: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", one_line(value))


def code_quality(found: Sequence[Annotation], prefix: str = "") -> str:
    """A code-quality report.

    A fingerprint stays the same between runs, so that GitLab can tell new issues from old.
    """
    return json_text([_issue(annotation, prefix) for annotation in found]) + "\n"


def _issue(annotation: Annotation, prefix: str) -> dict[str, object]:
    path = one_line(prefix + annotation.where.file, 400)
    identity = json.dumps([path, annotation.check, annotation.name, *annotation.of])
    return {
        "description": f"{annotation.title}: {annotation.message}",
        "check_name": f"evalharness-{annotation.check}",
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "severity": _SEVERITY[annotation.level],
        "location": {"path": path, "lines": {"begin": max(1, annotation.where.line)}},
    }

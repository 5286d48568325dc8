"""Reports for GitLab merge requests: metrics (OpenMetrics), code quality (JSON)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from evalharness.records import Sample
from evalharness.report.annotations import Annotation
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
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in outcome.run.samples:
        if sample.key.purpose != "rerun":
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
    """The mean of each case, so that a case with more samples weighs the same."""
    found: dict[str, list[float]] = {}
    for sample in samples:
        if score := sample.score(metric):
            found.setdefault(sample.key.case, []).append(score.value)
    return [fmean(values) for values in found.values()]


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

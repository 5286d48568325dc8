"""Properties for JUnit files: of cases, of gates, and of the whole file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from statistics import fmean

import pytest

from evalharness.records import Sample, Verdict
from evalharness.report import Outcome
from evalharness.report.encode import one_line

Property = tuple[str, str]
"""A name without characters that XML escapes, and a value."""


def case_properties(samples: Sequence[Sample]) -> Iterator[Property]:
    """The properties of a case with one model and prompt; scores and costs are means over its samples."""
    for sample in samples[:1]:
        yield from _named("model", sample.key.model)
        yield from _named("prompt", sample.key.prompt)
        yield from _named("status", "error" if sample.error else "fail" if sample.failed_checks else "pass")
        yield from _named("tags", ", ".join(sample.tags))
    for metric in dict.fromkeys(score.metric for sample in samples for score in sample.scores):
        values = [score.value for sample in samples if (score := sample.score(metric))]
        yield from _named(f"score.{metric}", fmean(values))
    if costs := [sample.cost_usd for sample in samples if sample.cost_usd is not None]:
        yield from _named("cost_usd", fmean(costs))


def gate_properties(verdict: Verdict) -> Iterator[Property]:
    """The properties of a gate, named as in `verdict.json`."""
    for name in ("model", "prompt", "metric", "tag", "status", "margin", "drop", "largest_drop", "p_value", "cases"):
        yield from _named(name, getattr(verdict, name))


def record_suite(config: pytest.Config, outcome: Outcome) -> None:
    """Add the verdict and the gates of a suite to the JUnit file, if pytest writes one."""
    for plugin in config.pluginmanager.get_plugins():
        add = getattr(plugin, "add_global_property", None)  # pytest's junitxml: `record_testsuite_property`
        if callable(add):
            for name, value in _suite_properties(outcome):
                add(name, value)


def _suite_properties(outcome: Outcome) -> Iterator[Property]:
    suite = outcome.run.header.suite
    yield from _named(f"{suite}.status", outcome.status)
    yield from _named(f"{suite}.headline", outcome.headline)
    yield from _named(f"{suite}.run", outcome.run.header.id)
    for verdict in outcome.verdicts:
        for name, value in gate_properties(verdict):
            if name in ("status", "drop", "p_value"):
                yield from _named(f"{suite}.{verdict.name}.{name}", value)


def _named(name: str, value: str | float | None) -> Iterator[Property]:
    """The property; nothing for an empty value."""
    if value not in (None, ""):
        text = f"{value + 0.0:.6g}" if isinstance(value, float) else one_line(str(value), 500)
        yield re.sub(r"[^\w.-]", "_", name)[:200], text

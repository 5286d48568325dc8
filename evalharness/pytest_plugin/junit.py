"""Properties for JUnit files: of cases, of gates, and of the whole file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

import pytest

from evalharness.records import Sample, Verdict
from evalharness.report import Outcome
from evalharness.report.encode import one_lines
from evalharness.report.gate_data import gate_data

Property = tuple[str, str]
"""A name without characters that XML escapes, and a value."""
_Value = tuple[str, str | float | None]
_OF_A_GATE = (
    *("model", "prompt", "metric", "tag", "status"),
    *("unit", "margin", "level_unit", "before", "after", "change", "low", "high", "p_value", "cases"),
)
_OF_THE_SUITE = ("status", "before", "after", "change", "low", "high", "p_value")


def case_properties(samples: Sequence[Sample]) -> list[Property]:
    """The properties of a case with one model and prompt; scores and costs are means over its samples."""
    return _encoded(_case_values(samples))


def _case_values(samples: Sequence[Sample]) -> Iterator[_Value]:
    for sample in samples[:1]:
        yield "model", sample.key.model
        yield "prompt", sample.key.prompt
        yield "status", "error" if sample.error else "fail" if sample.failed_checks else "pass"
        yield "tags", ", ".join(sample.tags)
    for metric in dict.fromkeys(score.metric for sample in samples for score in sample.scores):
        values = [score.value for sample in samples if (score := sample.score(metric))]
        yield f"score.{metric}", fmean(values)
    if costs := [sample.cost_usd for sample in samples if sample.cost_usd is not None]:
        yield "cost_usd", fmean(costs)


def gate_properties(verdict: Verdict) -> list[Property]:
    """The properties of a gate, named as in `verdict.json`."""
    data = gate_data(verdict)
    return _encoded((name, data[name]) for name in _OF_A_GATE)


def record_suite(config: pytest.Config, outcome: Outcome) -> None:
    """Add the verdict and the gates of a suite to the JUnit file, if pytest writes one."""
    for plugin in config.pluginmanager.get_plugins():
        add = getattr(plugin, "add_global_property", None)  # pytest's junitxml: `record_testsuite_property`
        if callable(add):
            for name, value in _encoded(_suite_values(outcome)):
                add(name, value)


def _suite_values(outcome: Outcome) -> Iterator[_Value]:
    suite = outcome.run.header.suite
    yield f"{suite}.status", outcome.status
    yield f"{suite}.headline", outcome.headline
    yield f"{suite}.run", outcome.run.header.id
    for verdict in outcome.verdicts:
        data = gate_data(verdict)
        for name in _OF_THE_SUITE:
            yield f"{suite}.{verdict.name}.{name}", data[name]


def _encoded(values: Iterable[_Value]) -> list[Property]:
    """The properties; none for an empty value."""
    given = [(name, value) for name, value in values if value not in (None, "")]
    texts = [f"{value + 0.0:.6g}" if isinstance(value, float) else str(value) for _, value in given]
    names = [re.sub(r"[^\w.-]", "_", name)[:200] for name, _ in given]
    return list(zip(names, one_lines(texts, 500), strict=True))

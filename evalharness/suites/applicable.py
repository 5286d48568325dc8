"""Which cases a metric applies to, before there is a response."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evalharness.errors import MetricError, Problem
from evalharness.foreign import describe
from evalharness.records import Case, GateSpec
from evalharness.records.coverage import Coverage, coverage
from evalharness.suites.document import problem


def coverage_of_suite(cases: Sequence[Case], metrics: Mapping[str, Any]) -> list[Coverage]:
    """Return the coverage of each metric that does not apply to all cases. `metrics`: opened, by name."""
    found = [coverage(name, (metric.missing_in(case) for case in cases)) for name, metric in metrics.items()]
    return [one for one in found if one.reasons]


def metric_problems(
    cases: Sequence[Case], metrics: Mapping[str, Any], place: Callable[[str, str], Problem]
) -> Iterator[Problem]:
    """Yield a problem for each metric that no case gives anything to score. `place`: of a name and a message."""
    for name, metric in metrics.items():
        try:
            if found := list(_wrong_expectations(cases, metric)):
                yield from found
            elif why := _lacking(cases, metric):
                yield place(name, f"the metric '{name}' applies to no case: each has {why}")
        except Exception as error:  # code of another package
            yield place(name, f"the metric '{name}' raised {describe(error)}")


def _wrong_expectations(cases: Sequence[Case], metric: Any) -> Iterator[Problem]:
    """A problem for each case whose expectation the metric cannot read."""
    for case in cases:
        try:
            metric.missing_in(case)
        except MetricError as error:
            yield problem(*case.where, str(error))


_ONE_ANSWER = "several are needed to tell a lost case from chance; remove 'worst'"


def gate_problems(cases: Sequence[Case], gates: Sequence[GateSpec], metrics: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each gate on a tag whose metric applies to no case with it, or that cannot have `worst`."""
    for gate in gates:
        metric, tag = metrics.get(gate.rule.metric), gate.rule.tag
        if tag and metric and (why := _lacking([case for case in cases if tag in case.tags], metric)):
            yield problem(*gate.where, f"{gate.rule.metric} applies to no case with the tag '{tag}': each has {why}")
        if gate.rule.worst is not None and metric and metric.compares:
            yield problem(*gate.where, f"worst: {gate.rule.metric} compares with one accepted answer: {_ONE_ANSWER}")


def _lacking(cases: Sequence[Case], metric: Any) -> str:
    """What all cases lack for a metric; empty if it applies to one."""
    why = ""
    for case in reversed(cases):  # ends with the reason of the first case
        why = metric.missing_in(case)
        if not why:
            break
    return str(why)

"""Which cases a metric applies to, before there is a response."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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


class Applicable:
    """Finds what each metric applies to, from one case after the other."""

    def __init__(self, metrics: Mapping[str, Any], tags: Collection[str]) -> None:
        """`metrics`: opened, by name. `tags`: those of the gates."""
        self._metrics, self._tags = metrics, frozenset(tags)
        self._found = {name: _Found() for name in metrics}

    def add(self, case: Case) -> None:
        """Ask each metric about a case."""
        groups = ["", *self._tags.intersection(case.tags)]
        for name, found in self._found.items():
            if not found.raised:
                found.add(case, groups, self._metrics[name])

    def metric_problems(self, place: Callable[[str, str], Problem]) -> Iterator[Problem]:
        """Yield a problem for each metric that no case gives anything to score, and for each unreadable expectation.

        `place`: of a name and a message.
        """
        for name, found in self._found.items():
            if found.raised:
                yield place(name, f"the metric '{name}' raised {found.raised}")
            elif found.unreadable:
                yield from found.unreadable
            elif why := found.lacking.get(""):
                yield place(name, f"the metric '{name}' applies to no case: each has {why}")

    def gate_problems(self, gates: Sequence[GateSpec]) -> Iterator[Problem]:
        """Yield a problem for each gate whose metric applies to no case with its tag, or that cannot have `worst`."""
        for gate in gates:
            name, tag = gate.rule.metric, gate.rule.tag
            if name not in self._metrics:
                continue
            if tag and (why := self._found[name].lacking.get(tag)):
                yield problem(*gate.where, f"{name} applies to no case with the tag '{tag}': each has {why}")
            if gate.rule.worst is not None and self._metrics[name].compares:
                yield problem(*gate.where, f"worst: {name} compares with one accepted answer: {_ONE_ANSWER}")


_ONE_ANSWER = "several are needed to tell a lost case from chance; remove 'worst'"


@dataclass(slots=True)
class _Found:
    """What one metric applies to."""

    lacking: dict[str, str] = field(default_factory=dict)
    """By tag, "" for all cases: what the first case lacks; empty if the metric applies to one."""
    unreadable: list[Problem] = field(default_factory=list)
    """A problem for each case whose expectation the metric cannot read."""
    raised: str = ""
    """The error of its code."""

    def add(self, case: Case, groups: Iterable[str], metric: Any) -> None:
        """Ask the metric about a case that belongs to these groups."""
        try:
            why = str(metric.missing_in(case))
        except MetricError as error:
            self.unreadable.append(problem(*case.where, str(error)))
            return
        except Exception as error:  # code of another package
            self.raised = describe(error)
            return
        for group in groups:
            self.lacking[group] = why and self.lacking.get(group, why)

"""The gates of a suite."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from evalharness import registry
from evalharness.errors import ConfigError, did_you_mean
from evalharness.records import ASSERTIONS, GateRule, GateSpec, TimeBounds, Unit
from evalharness.suites.document import Document
from evalharness.suites.reading import Reading
from evalharness.suites.schema import GateSchema

_OPTIONS = ("tag", "slots", "worst", "within", "at_least")
_EXAMPLES = {"within": "within: {ttft: 300ms, e2el: 2s}", "at_least": "at_least: 95%"}


def read_gates(
    gates: Sequence[GateSchema],
    document: Document,
    metrics: Mapping[str, Any],
    tags: Collection[str],
    reading: Reading,
    *,
    asserts: bool,
) -> tuple[GateSpec, ...]:
    """The gates, each on one of the `metrics` or of a registered kind.

    `tags`: those of all cases. `asserts`: the suite or a case has assertions.
    """
    found: dict[tuple[str, str], GateSpec] = {}
    for index, gate in enumerate(gates):
        loc = ("gates", index)
        try:
            kind = registry.gate_kind(gate.metric)
        except ConfigError as error:  # of another package
            reading.note(document, (*loc, "metric"), str(error))
            continue
        for key, message in _problems(gate, metrics, tags, kind):
            reading.note(document, (*loc, key), message)
        if gate.metric == ASSERTIONS and not asserts:
            reading.note(document, (*loc, "metric"), "a gate on assertions needs at least one: add `assert`")
        if (gate.metric, gate.tag) in found:
            reading.note(document, loc, f"duplicate gate on '{gate.metric}'")
        found[gate.metric, gate.tag] = GateSpec(_rule(gate, kind.unit), document.locate(loc))
    return tuple(found.values())


def _rule(gate: GateSchema, unit: Unit) -> GateRule:
    within = TimeBounds(**dict(gate.within)) if gate.within else None
    return GateRule(
        gate.metric, gate.margin, gate.target, gate.tag, gate.slots, unit, gate.worst, within, gate.at_least
    )


def _problems(
    gate: GateSchema, metrics: Mapping[str, Any], tags: Collection[str], kind: Any
) -> Iterator[tuple[str, str]]:
    """The key and the message of each problem."""
    known = [*metrics, *(set(registry.names("gate_kinds")) - {"score"})]
    if gate.metric not in known:
        yield "metric", f"no metric '{gate.metric}' in this suite{did_you_mean(gate.metric, known)}"
    if gate.tag and gate.tag not in tags:
        yield "tag", f"no case has the tag '{gate.tag}'{did_you_mean(gate.tag, tags)}"
    for option in _OPTIONS:
        if getattr(gate, option) and option not in kind.options:
            yield option, f"a gate on {gate.metric} does not take '{option}': remove it"
        if getattr(gate, option) is None and option in getattr(kind, "required", ()):
            yield "metric", f"a gate on {gate.metric} needs '{option}', as in {_EXAMPLES[option]}"
    if gate.within and not any(bound for _, bound in gate.within):
        yield "within", f"expected at least one bound, as in {_EXAMPLES['within']}"

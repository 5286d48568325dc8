"""The kind of a gate, with the labels of people where its metric is a judge that has some."""

from __future__ import annotations

from evalharness.gate.judge_labels import JudgeLabels
from evalharness.gate.kinds import GateKind, gate_kind
from evalharness.records import GateRule, RunHeader


def labelled_kind(rule: GateRule, header: RunHeader, labels: JudgeLabels) -> GateKind:
    """The kind of a gate of a run. Raises ConfigError for an entry point that is not a gate kind."""
    kind, signature = gate_kind(rule.metric), header.signatures.get(rule.metric, "")
    if not labels.has(signature):
        return kind
    from evalharness.gate.kinds.judged import with_labels  # few suites have labels

    return with_labels(kind, rule.metric, signature, labels)

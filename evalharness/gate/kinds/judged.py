"""Gates on a judge with labels of people.

no label of its question    the ordinary gate, with the mark "judge not calibrated"
the judge fails the floors  `AdvisoryGate`: informs, and neither fails nor passes
calibrated                  `CalibratedGate`: labels of the changed answers decide; without them, the ordinary gate
"""

from __future__ import annotations

from dataclasses import replace

from evalharness.gate.context import GateContext, NoComparison
from evalharness.gate.evidence import GateResult, Staged
from evalharness.gate.judge_error import JudgeError
from evalharness.gate.judge_labels import JudgeLabels
from evalharness.gate.judged_evidence import JudgedEvidence, decided, labels_needed
from evalharness.gate.judged_wording import facts_of, few_labels, judged_reason, quality
from evalharness.gate.kinds.base import GateKind
from evalharness.gate.kinds.score import ScoreGate
from evalharness.gate.labelled_changes import LabelledChanges, labelled_changes


def with_labels(kind: GateKind, metric: str, signature: str, labels: JudgeLabels) -> GateKind:
    """The kind of a gate on a metric with this signature; the same one unless it is a judge with labels."""
    if not isinstance(kind, ScoreGate) or not labels.has(signature):
        return kind
    if labels.problem:
        return UnreadableLabels(labels.problem)
    error = labels.error(metric, signature)
    assert error is not None  # `has` has found a label
    return CalibratedGate(kind, error, labels) if error.calibrated else AdvisoryGate(error)


class UnreadableLabels(ScoreGate):
    """An error verdict: a judge whose labels are lost must not look like one that never had any."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def evidence(self, context: GateContext) -> Staged:
        """Raise NoComparison."""
        raise NoComparison("error", self._problem)


class AdvisoryGate(ScoreGate):
    """Shows what the judge says. Its p-value takes nothing from other gates."""

    shares_alpha = False
    informs = True

    def __init__(self, error: JudgeError) -> None:
        self._error = error

    def conclude(self, context: GateContext, evidence: Staged, p_value: float, gates: int) -> GateResult:
        """Return the ordinary result as information: inconclusive, and not gating."""
        found = super().conclude(context, evidence, p_value, gates)
        notice = f"advisory: {'; '.join(self._error.problems)}"
        return replace(
            found,
            verdict="INCONCLUSIVE",
            gating=False,
            open=False,
            suspicious=False,
            reason=f"{notice}; the judge's scores: {found.reason}",
            notice=notice,
            judge=facts_of(self._error),
        )


class CalibratedGate(GateKind):
    """Detects a drop in what people say, from their labels and the verdicts of a judge together."""

    level_unit = ScoreGate.level_unit
    options = ScoreGate.options

    def __init__(self, ordinary: ScoreGate, error: JudgeError, labels: JudgeLabels) -> None:
        self._ordinary, self._error, self._labels = ordinary, error, labels

    def evidence(self, context: GateContext) -> Staged | JudgedEvidence:
        """Return the evidence by labels, or the ordinary one with too few labels of these answers."""
        ordinary, changes = self._ordinary.evidence(context), self._changes(context)
        change = changes.corrected
        if ordinary.unchanged or change is None:
            return ordinary
        return JudgedEvidence(ordinary, changes, change, self._ordinary.rules(context))

    def _changes(self, context: GateContext) -> LabelledChanges:
        return labelled_changes(context, self._ordinary.value(context.rule), self._labels)

    def detectable_drop(self, context: GateContext) -> float | None:
        """Return the drop that the judge's scores alone detect in a later run."""
        return self._ordinary.detectable_drop(context)

    def conclude(
        self, context: GateContext, evidence: Staged | JudgedEvidence, p_value: float, gates: int
    ) -> GateResult:
        """Return the result by labels, or the ordinary one that says how good the judge is."""
        if isinstance(evidence, JudgedEvidence):
            return self._by_labels(context, evidence)
        found, changes = self._ordinary.conclude(context, evidence, p_value, gates), self._changes(context)
        notice = few_labels(self._error, changes)
        whole = f"{found.notice}; {notice}" if found.notice else notice
        facts = facts_of(self._error, changes)
        return replace(found, reason=f"{found.reason}; {notice}", notice=whole, judge=facts)

    def _by_labels(self, context: GateContext, evidence: JudgedEvidence) -> GateResult:
        (word, p_value, is_open), changes = decided(evidence, context.stage), evidence.changes
        needed = labels_needed(evidence) if word == "INCONCLUSIVE" else None
        (low, high) = evidence.change.passing.bounds(evidence.rules.alpha_pass)
        up, down = evidence.ordinary.screen.moved
        result = GateResult(
            verdict=word,
            reason="",
            p_value=p_value,
            change=evidence.change.failing.middle,
            lower_bound=low,
            upper_bound=high,
            cases=changes.cases,
            suspicious=is_open or word == "FAIL",
            open=is_open,
            up=up,
            down=down,
            worst=evidence.ordinary.worst,
            slices=evidence.ordinary.slices,
            judge=facts_of(self._error, changes, needed),
        )
        about = quality(self._error, changes)
        return replace(result, reason=judged_reason(result, evidence, about), notice=about)

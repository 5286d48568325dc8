"""Gates on a metric of the suite: the paired change of its mean, in points."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from evalharness.gate.context import GateContext, NoComparison, Value, Values
from evalharness.gate.defaults import ALPHA, FEWEST_CASES
from evalharness.gate.kinds.means import MeanGate
from evalharness.records import BaselineSample, GateRule

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import Evidence, GateResult, Rules


class ScoreGate(MeanGate):
    """Detects a drop in the mean score of a metric."""

    options = frozenset({"tag", "target"})
    sign = 1

    def value(self, rule: GateRule) -> Value:
        """Return the function that reads the score, if it is in [0, 1]."""

        def score(sample: BaselineSample) -> float | None:
            found = sample.scores.get(rule.metric)
            return found if found is not None and 0 <= found <= 1 else None

        return score

    def value_name(self, rule: GateRule) -> str:
        """Return the name of the number, for messages."""
        return f"score of {rule.metric} in [0, 1]"

    def rules(self, context: GateContext) -> Rules:
        """Return margin, target and stage."""
        from evalharness.gate.evidence import Rules

        rule = context.rule
        return Rules(margin=rule.margin, target=rule.target, stage=context.stage)

    def evidence(self, context: GateContext) -> Evidence:
        """Return the evidence on scores with equal signatures.

        Raises NoComparison if the signature has changed.
        """
        metric = context.rule.metric
        then, now = context.pairing.signatures.get(metric), context.run.header.signatures.get(metric)
        if then != now:
            changed = f"baseline {then or 'none'}, this run {now or 'none'}"
            raise NoComparison("incomparable", f"metric settings changed: {changed}; accept a new baseline")
        return super().evidence(context)

    def collect(self, context: GateContext, baseline: Values, candidate: Values) -> Evidence:
        """Return the evidence, corrected for clusters and sessions, and each tag's change."""
        from evalharness.gate.scores import collect_evidence
        from evalharness.gate.slices import slices_of

        seed, rules = context.seed, self.rules(context)
        clusters, sessions = context.clusters, context.has_sessions
        found = collect_evidence(baseline, candidate, rules=rules, seed=seed, clusters=clusters, sessions=sessions)
        slices = () if context.rule.tag else slices_of(baseline, candidate, context.tags, seed=seed)
        return replace(found, slices=slices)

    def conclude(self, context: GateContext, evidence: Evidence, p_value: float, gates: int) -> GateResult:
        """Return the result.

        The reason of a failure names the tags with the largest drops.
        """
        from evalharness.gate.slices import worst_of

        result = super().conclude(context, evidence, p_value, gates)
        worst = worst_of(evidence.slices, result.drop) if result.verdict == "FAIL" else ""
        return replace(result, slices=evidence.slices, reason=result.reason + worst)

    def detectable_drop(self, context: GateContext) -> float | None:
        """Return the drop that a later run like this one detects.

        None with too few cases or scores.
        """
        import numpy as np

        from evalharness.gate.stats.power import minimum_detectable_drop

        known = context.candidate(self.value(context.rule))
        complete = all(len(known[case]) == len(samples) > 0 for case, samples in context.pairing.samples.items())
        if len(known) < FEWEST_CASES or not complete:
            return None
        runs = sorted(map(len, known.values()))[len(known) // 2]
        alpha = ALPHA / max(1, context.gates)
        scores = [np.array(values) for values in known.values()]
        return minimum_detectable_drop(scores, runs=(runs, runs), alpha=alpha, seed=context.run.header.suite)


SCORE = ScoreGate()

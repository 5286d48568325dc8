"""Gates on a metric of the suite: the paired change of its mean, in points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from evalharness.gate.applicable import applicable, without_inapplicable
from evalharness.gate.case_numbers import CaseNumbers
from evalharness.gate.context import GateContext, NoComparison, Value, Values, complete_numbers, counted
from evalharness.gate.defaults import ALPHA
from evalharness.gate.kinds.base import Samples
from evalharness.gate.kinds.means import MeanGate
from evalharness.gate.own_words import apart, with_notice
from evalharness.records import BaselineSample, GateRule, Slice

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import Evidence, GateResult, Rules, Staged


class ScoreGate(MeanGate):
    """Detects a drop in the mean score of a metric."""

    level_unit = "points"
    options = frozenset({"tag", "target", "worst"})

    def value(self, rule: GateRule) -> Value:
        """Return the function that reads the score, if it is in [0, 1]."""

        def score(sample: BaselineSample) -> float | None:
            found = sample.scores.get(rule.metric)
            return found if found is not None and 0 <= found <= 1 else None

        return score

    def value_name(self, rule: GateRule) -> str:
        """Return the name of the number, for messages."""
        return f"score of {rule.metric} in [0, 1]"

    def scale(self, number: float) -> float:
        """Return the score."""
        return number

    def rules(self, context: GateContext) -> Rules:
        """Return margin and target."""
        from evalharness.gate.evidence import Rules

        rule = context.rule
        return Rules(margin=rule.margin, target=rule.target)

    def evidence(self, context: GateContext) -> Staged:
        """Return the evidence on scores with equal signatures, and each tag's change.

        Raises NoComparison if the signature has changed, or the metric applies to no case.
        """
        metric, every = context.rule.metric, context.cases
        context = applicable(context)
        if every and not context.cases:
            raise NoComparison("incomparable", f"{metric} applies to no case that this gate compares")
        then, now = context.pairing.signatures.get(metric), context.run.header.signatures.get(metric)
        if not then and now:
            raise NoComparison("incomparable", f"the baseline has no scores of {metric}: accept a new baseline")
        if then != now:
            changed = f"baseline {then or 'none'}, this run {now or 'none'}"
            raise NoComparison("incomparable", f"metric settings changed: {changed}; accept a new baseline")
        found = super().evidence(context)
        return found if context.rule.tag or found.unchanged else replace(found, slices=self._slices(context))

    def collect(
        self, context: GateContext, baseline: Values, candidate: Values, *, stored: bool, tested: bool = True
    ) -> Evidence:
        """Return the evidence, corrected for clusters, and for sessions if the baseline is stored."""
        from evalharness.gate.scores import collect_evidence

        baseline, candidate = counted(context, baseline), counted(context, candidate)
        collected = partial(
            collect_evidence,
            rules=self.rules(context),
            seed=context.seed,
            clusters=context.clusters,
            sessions=stored and context.has_sessions,
            tested=tested,
        )
        return apart(collected, baseline, candidate, context.own_words)

    def conclude(self, context: GateContext, evidence: Staged, p_value: float, gates: int) -> GateResult:
        """Return the result. The reason names the tags that lost significantly, and counts own words."""
        from evalharness.gate.slices import worst_of

        every, context = len(context.cases), applicable(context)
        result = super().conclude(context, evidence, p_value, gates)
        some = f"; {context.rule.metric} applies to {len(context.cases)} of {every} cases"
        some = some if len(context.cases) < every else ""
        result = replace(result, slices=evidence.slices, reason=result.reason + some + worst_of(evidence.slices))
        own = sum(case in context.own_words for case in context.cases) if context.own_words else 0
        return with_notice(result, evidence, self.rules(context), own, len(context.cases))

    def _slices(self, context: GateContext) -> tuple[Slice, ...]:
        from evalharness.gate.slices import slices_of  # brings numpy

        value, versions, tags = self.value(context.rule), context.versions, context.tags
        if not tags:
            return ()
        accepted, mine = context.numbers_of(context.baseline, value), context.numbers_of(versions.mine, value)
        beside = context.numbers_of(versions.fresh_beside, value)
        if any(beside.values()) and not context.is_same_model:  # today's answers of both versions alone
            accepted, mine = beside, context.numbers_of(versions.fresh, value)
        else:
            accepted = CaseNumbers.collected(list(accepted), lambda case: [*accepted[case], *beside[case]])
        both = [case for case in accepted if accepted[case] and mine.get(case) and case not in context.own_words]
        before, after = (CaseNumbers.collected(both, side.__getitem__) for side in (accepted, mine))
        return slices_of(before, after, tags, seed=context.seed, clusters=context.clusters)

    def detectable_drop(self, context: GateContext) -> float | None:
        """Return the drop that a later run like this one detects.

        None with too few cases or scores.
        """
        import numpy as np

        from evalharness.gate.stats.power import minimum_detectable_drop
        from evalharness.gate.stats.ragged import Ragged

        context = applicable(context)
        known = complete_numbers(context.candidate, self.value(context.rule))
        if not known:
            return None
        runs = sorted(known.sizes)[len(known) // 2]
        alpha = ALPHA / max(1, context.gates)
        scores = Ragged(np.frombuffer(known.flat), np.asarray(known.sizes, dtype=np.int64))
        return minimum_detectable_drop(scores, runs=(runs, runs), alpha=alpha, seed=context.run.header.suite)

    def setbacks(self, rule: GateRule, samples: Samples, others: Samples) -> Sequence[float] | None:
        """Return the difference of the mean scores of each case to which the metric applies."""
        mine, theirs = (without_inapplicable(rule.metric, side) for side in (samples, others))
        return super().setbacks(rule, mine, {case: theirs[case] for case in others if theirs[case] or mine.get(case)})


SCORE = ScoreGate()

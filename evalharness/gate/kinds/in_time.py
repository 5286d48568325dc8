"""Gates on responses in time: their share (`attainment`), and their number per second (`goodput`)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evalharness.gate.case_samples import cluster_of, has_mark, tags_of
from evalharness.gate.context import GateContext, NoComparison
from evalharness.gate.in_time import is_in_time
from evalharness.gate.kinds.base import GateKind, Samples
from evalharness.gate.kinds.seconds import Basis, basis_of, compared, no_seconds, other_slots
from evalharness.gate.pairing import baseline_samples
from evalharness.gate.wording import count
from evalharness.records import BaselineSample, GateRule, Sample, TimeBounds
from evalharness.records.marks import Mark
from evalharness.records.numbers import Numbers

if TYPE_CHECKING:  # brings numpy, which loading a suite does not need
    from evalharness.gate.evidence import GateResult

_Measured = Mapping[str, Sequence[tuple[bool, float]]]
"""Case id -> of each response with a known time, whether it is in time, and its seconds."""


class InTimeGate(GateKind):
    """A gate on responses that meet the bounds of the rule."""

    required = frozenset({"within"})
    shares_alpha = False
    compares_pinned = False

    @abstractmethod
    def result(self, context: GateContext, basis: Basis, sides: tuple[_Measured, _Measured]) -> GateResult:
        """Return the result. `sides`: of the accepted version and of this one."""

    def evidence(self, context: GateContext) -> GateResult:
        """Return the result, because this test needs no correction over several gates."""
        if problem := other_slots(context):
            raise NoComparison("error", problem)
        basis = self.basis(context)
        return self.result(context, basis, _sides(context, basis))

    def basis(self, context: GateContext) -> Basis:
        """Return what the run is compared with. Raises NoComparison for shards on different machines."""
        return basis_of(context)

    def conclude(self, context: GateContext, evidence: Any, p_value: float, gates: int) -> GateResult:
        """Return the evidence, which is the result."""
        result: GateResult = evidence
        return result

    def setbacks(self, rule: GateRule, samples: Samples, others: Samples) -> Sequence[float] | None:
        """Return none: the times of an accepted run fail no gate, so that slow ones relax nothing."""
        return ()


class AttainmentGate(InTimeGate):
    """Detects that too few responses are in time: fewer than the rule requires, or fewer than before."""

    level_unit = "points"
    options = frozenset({"tag", "slots", "within", "at_least"})
    required = frozenset({"within", "at_least"})
    needs_baseline = False

    def basis(self, context: GateContext) -> Basis:
        """Return what the run is compared with; shards on different machines are compared with the target alone."""
        try:
            return super().basis(context)
        except NoComparison:
            return Basis("none", [])

    def result(self, context: GateContext, basis: Basis, sides: tuple[_Measured, _Measured]) -> GateResult:
        """Return the result on the responses of this run, and on the change where there is something to compare."""
        from evalharness.gate.attainment import Beside, assess_attainment

        found, left_out = _counted(context)
        if not found:
            raise NoComparison("inconclusive", f"no response with a time: {left_out}; --llm-record=all measures again")
        before, after = ({case: [float(ok) for ok, _ in one] for case, one in side.items()} for side in sides)
        rule, in_turns = context.rule, basis.mode == "interleaved"
        result = assess_attainment(
            found,
            rule.at_least or 0.0,
            beside=Beside(before, after, in_turns),
            margin=rule.margin,
            clusters=_clusters(context),
            seed=context.seed,
        )
        note = f"; not counted: {left_out}" if left_out else ""
        return replace(result, reason=f"{rule.within}: {result.reason}{note}")


class GoodputGate(InTimeGate):
    """Detects fewer responses in time per second of request time, by a comparison in turns."""

    unit = "ratio"
    level_unit = "seconds"
    options = frozenset({"tag", "slots", "within"})
    informs = True

    def result(self, context: GateContext, basis: Basis, sides: tuple[_Measured, _Measured]) -> GateResult:
        """Return the result; only a comparison in turns decides."""
        from evalharness.gate.goodput import assess_goodput

        before, after = sides
        if not before:
            raise NoComparison("incomparable", no_seconds(context, basis))
        in_turns, rule = basis.mode == "interleaved", context.rule
        result = assess_goodput(
            before, after, in_turns=in_turns, margin=rule.margin, clusters=context.clusters, seed=context.seed
        )
        return replace(result, reason=f"{rule.within}: {result.reason}", gating=in_turns)


def _sides(context: GateContext, basis: Basis) -> tuple[_Measured, _Measured]:
    """The responses of both versions with known times, of the cases that have some on both sides."""
    runs, before, after = set(basis.runs), {}, {}
    for case in context.cases if basis.runs else ():
        stored = baseline_samples(context.pairing, case, copies=False)
        before[case] = list(_known((one for one in stored if one.run in runs), context.rule))
        after[case] = list(_known(compared(context, case, basis), context.rule))
    both = [case for case in before if before[case] and after[case]]
    return {case: before[case] for case in both}, {case: after[case] for case in both}


def _known(samples: Any, rule: GateRule) -> Iterator[tuple[bool, float]]:
    """The samples whose times are known."""
    for sample in samples:
        seconds, ok = sample.seconds("latency"), _in_time(sample, rule)
        if ok is not None and seconds is not None and 0 < seconds < math.inf:
            yield ok, seconds


def _in_time(sample: Sample | Numbers | BaselineSample, rule: GateRule) -> bool | None:
    if isinstance(sample, Sample):
        tokens = sample.response.usage.completion_tokens if sample.response else 0
    else:
        tokens = sample.completion_tokens
    return is_in_time(sample, tokens, rule.within or TimeBounds())


def _counted(context: GateContext) -> tuple[dict[str, list[bool | None]], str]:
    """Whether each response of this run is in time, by case, and what is left out.

    An answer that is replayed, shared or read from a prompt cache has no time and is left out. A request that needed a
    second attempt is a miss, because the first one failed. In a run that was interrupted it is unknown: the first one
    may be that of the killed run.
    """
    found: dict[str, list[bool | None]] = {}
    left, replayed = 0, has_mark(context.pairing.samples, Mark.REPLAYED)
    for case in _cases(context):
        samples = context.pairing.samples[case]
        timed = [one for one in samples if not _is_untimed(one)]
        left += len(samples) - len(timed)
        if timed:
            found[case] = [_first_time(one, context.rule, None if replayed else False) for one in timed]
    return found, f"{count(left, 'response')} replayed or read from a cache" if left else ""


def _first_time(sample: Sample, rule: GateRule, again: bool | None) -> bool | None:
    return again if sample.attempts > 1 else _in_time(sample, rule)


def _is_untimed(sample: Sample) -> bool:
    cached = sample.response is not None and sample.response.usage.cached_tokens > 0
    return bool(sample.recorded_at) or sample.attempts == 0 or cached


def _cases(context: GateContext) -> list[str]:
    """The cases of the rule, whether the baseline has them or not."""
    samples, tag = context.pairing.samples, context.rule.tag
    return [case for case in samples if not tag or tag in tags_of(samples, case)]


def _clusters(context: GateContext) -> dict[str, str]:
    samples = context.pairing.samples
    return {case: name for case in _cases(context) if (name := cluster_of(samples, case))}


ATTAINMENT, GOODPUT = AttainmentGate(), GoodputGate()

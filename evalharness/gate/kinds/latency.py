"""Gates on seconds: selects the accepted runs and the mode of the comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from evalharness.gate.context import GateContext, NoComparison
from evalharness.gate.defaults import FEWEST_SESSIONS
from evalharness.gate.kinds.base import GateKind, Samples
from evalharness.gate.pairing import baseline_samples
from evalharness.records import TIMINGS, AcceptedRun, GateRule, Sample, slots_of

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import GateResult
    from evalharness.gate.latency import Calibration, Mode

_FAILS = ("interleaved", "history")
"""The modes in which a gate can fail."""
_Seconds = dict[str, list[float]]
"""Case id -> seconds of its samples."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """The basis of a comparison of seconds."""

    mode: Mode
    runs: Sequence[str]
    """Ids of the baseline's runs to compare with."""
    calibration: Calibration | None = None


class LatencyGate(GateKind):
    """Detects a rise in one of the `TIMINGS` of a response."""

    unit = "ratio"
    level_unit = "seconds"
    options = frozenset({"slots"})
    shares_alpha = False
    informs = True
    compares_pinned = False
    measures_machine = True

    def __init__(self, timing: str) -> None:
        self.timing = timing

    def evidence(self, context: GateContext) -> GateResult:
        """Return the result, because this test needs no correction over several gates."""
        from evalharness.gate.latency import assess_latency

        slots, rule = _slots(context), context.rule
        if rule.slots and rule.slots != slots:
            raise NoComparison("error", _other_slots(context, slots))
        basis = _basis(context, slots)
        baseline, candidate = self._seconds(context, basis)
        result = assess_latency(
            baseline,
            candidate,
            mode=basis.mode,
            margin=rule.margin,
            calibration=basis.calibration,
            clusters=context.clusters,
        )
        reason = result.reason if baseline.keys() & candidate.keys() else _no_seconds(context, basis, slots)
        return replace(result, reason=reason, gating=result.verdict == "FAIL" or basis.mode in _FAILS)

    def conclude(self, context: GateContext, evidence: Any, p_value: float, gates: int) -> GateResult:
        """Return the evidence, which is the result."""
        result: GateResult = evidence
        return result

    def setbacks(self, rule: GateRule, samples: Samples, others: Samples) -> Sequence[float] | None:
        """Return the log ratio of the mean seconds of each case that has some on both sides."""
        mine, theirs = (
            {case: _positive(one.seconds(self.timing) for one in found) for case, found in side.items()}
            for side in (samples, others)
        )
        timed = [case for case in theirs if theirs[case] and mine.get(case)]
        return [math.log(fmean(theirs[case]) / fmean(mine[case])) for case in timed]

    def _seconds(self, context: GateContext, basis: _Basis) -> tuple[_Seconds, _Seconds]:
        pairing, counted = context.pairing, set(basis.runs)
        baseline, candidate = {}, {}
        for case in pairing.cases:
            stored = baseline_samples(pairing, case, copies=False)
            baseline[case] = _positive(sample.seconds(self.timing) for sample in stored if sample.run in counted)
            candidate[case] = _positive(sample.seconds(self.timing) for sample in _compared(context, case, basis))
        if basis.mode == "history":
            baseline = {case: seconds for case, seconds in baseline.items() if len(seconds) == len(basis.runs)}
        return _without_empty(baseline), _without_empty(candidate)


def _compared(context: GateContext, case: str, basis: _Basis) -> list[Sample]:
    """The samples of this version; those taken in turns with the reference where there is one."""
    samples = context.pairing.samples[case]
    in_turns = basis.mode == "interleaved" and not context.run.header.against
    return [one for one in samples if one.purpose == "confirm"] if in_turns else samples


def _without_empty(side: _Seconds) -> _Seconds:
    return {case: seconds for case, seconds in side.items() if seconds}


def _slots(context: GateContext) -> int | None:
    return slots_of(sample for samples in context.pairing.samples.values() for sample in samples)


def _basis(context: GateContext, slots: int | None) -> _Basis:
    from evalharness.gate.latency import Calibration

    run, reference = context.run, context.reference
    same_slots = [one for one in context.pairing.accepted if one.slots == slots]
    if reference is not None and any(one.id == reference.header.id for one in same_slots):
        return _Basis("interleaved", [reference.header.id])
    here = [one for one in same_slots if one.machine_class == run.header.machine_class]
    measured = [one.calibration_s for one in here if one.calibration_s]
    speed = run.calibration_s if here and len(measured) == len(here) else None
    calibration = Calibration(measured, speed) if speed else None
    few: Mode = "calibrated" if calibration else "stored" if here else "none"
    mode: Mode = "history" if len(here) >= FEWEST_SESSIONS else few
    return _Basis(mode, [one.id for one in here], calibration)


def _positive(found: Iterable[float | None]) -> list[float]:
    """The seconds that can be compared."""
    return [seconds for seconds in found if seconds is not None and 0 < seconds < math.inf]


def _other_slots(context: GateContext, slots: int | None) -> str:
    wanted, model = context.rule.slots, context.pairing.model
    return (
        f"expected seconds with slots = {wanted}, got {_slots_text(slots)} from {model}: set slots = {wanted} in "
        f"[tool.evalharness.models.{model}], or use a model that has this setting"
    )


def _slots_text(slots: int | None) -> str:
    return f"slots = {slots}" if slots else "an unknown number of slots"


def _no_seconds(context: GateContext, basis: _Basis, slots: int | None) -> str:
    here = [one for one in context.pairing.accepted if _is_here(one, context)]
    samples = [sample for found in context.pairing.samples.values() for sample in found]
    if not basis.runs and here and any(sample.latency_s is not None for sample in samples):
        accepted = ", ".join(_slots_text(other) for other in sorted({one.slots for one in here}, key=str))
        return (
            f"no accepted run with {_slots_text(slots)}, only with {accepted}: seconds with different slots cannot be "
            "compared; accept a new run"
        )
    if not here:
        return f"no accepted run on a machine like this one ({context.run.header.machine_class})"
    replayed = sum(bool(sample.recorded_at) for sample in samples)
    return f"{replayed} responses were replayed, which have no times" if replayed else "no times to compare"


def _is_here(run: AcceptedRun, context: GateContext) -> bool:
    return run.machine_class == context.run.header.machine_class


LATENCY, FIRST_TOKEN, PER_TOKEN = (LatencyGate(timing) for timing in TIMINGS)

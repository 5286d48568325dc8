"""Gates on seconds: which of them compare, and by which mode."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evalharness.gate.comparison import Comparison, NoComparison
from evalharness.gate.defaults import FEWEST_SESSIONS
from evalharness.gate.kinds.base import GateKind
from evalharness.gate.pairing import baseline_samples
from evalharness.records import TIMINGS, AcceptedRun, slots_of

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import GateResult
    from evalharness.gate.latency import Calibration, Mode

_FAILS = ("interleaved", "history")
"""The modes that may turn a run red."""


@dataclass(frozen=True, slots=True)
class _Way:
    """The mode of a comparison of seconds, the ids of the baseline's runs that count, and the machine's own speed."""

    mode: Mode
    runs: Sequence[str]
    calibration: Calibration | None = None


class LatencyGate(GateKind):
    """A rise of one of the timings of a response."""

    unit = "ratio"
    options = frozenset({"slots"})
    shares_alpha = False
    informs = True
    compares_pinned = False
    measures_machine = True

    def __init__(self, timing: str) -> None:
        self.timing = timing

    def evidence(self, comparison: Comparison) -> GateResult:
        """The result itself: the test of seconds keeps its own error rate."""
        from evalharness.gate.latency import assess_latency

        slots, rule = _slots(comparison), comparison.rule
        if rule.slots and rule.slots != slots:
            raise NoComparison("error", _other_slots(comparison, slots))
        way = _way(comparison, slots)
        then, now = self._seconds(comparison, way)
        result = assess_latency(then, now, mode=way.mode, margin=rule.margin, calibration=way.calibration)
        reason = result.reason if then.keys() & now.keys() else _no_seconds(comparison, way, slots)
        return replace(result, reason=reason, gating=result.verdict == "FAIL" or way.mode in _FAILS)

    def conclude(self, comparison: Comparison, evidence: Any, p_value: float, gates: int) -> GateResult:
        """The result, as the evidence has it."""
        result: GateResult = evidence
        return result

    def _seconds(self, comparison: Comparison, way: _Way) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        pairing, counted = comparison.pairing, set(way.runs)
        then, now = {}, {}
        for case in pairing.cases:
            stored = baseline_samples(pairing, case, copies=False)
            then[case] = _positive(sample.seconds(self.timing) for sample in stored if sample.run in counted)
            now[case] = _positive(sample.seconds(self.timing) for sample in pairing.samples[case])
        if way.mode == "history":
            then = {case: seconds for case, seconds in then.items() if len(seconds) == len(way.runs)}
        return {case: found for case, found in then.items() if found}, {
            case: found for case, found in now.items() if found
        }


def _without_empty(side: dict[str, list[float]]) -> dict[str, list[float]]:
    return {case: seconds for case, seconds in side.items() if seconds}


def _slots(comparison: Comparison) -> int | None:
    return slots_of(sample for samples in comparison.pairing.samples.values() for sample in samples)


def _way(comparison: Comparison, slots: int | None) -> _Way:
    from evalharness.gate.latency import Calibration

    run, reference = comparison.run, comparison.reference
    alike = [one for one in comparison.pairing.accepted if one.slots == slots]
    if reference is not None and any(one.id == reference.header.id for one in alike):
        return _Way("interleaved", [reference.header.id])
    here = [one for one in alike if one.machine_class == run.header.machine_class]
    measured = [one.calibration_s for one in here if one.calibration_s]
    speed = run.calibration_s if here and len(measured) == len(here) else None
    calibration = Calibration(measured, speed) if speed else None
    few: Mode = "calibrated" if calibration else "stored" if here else "none"
    mode: Mode = "history" if len(here) >= FEWEST_SESSIONS else few
    return _Way(mode, [one.id for one in here], calibration)


def _positive(found: Iterable[float | None]) -> list[float]:
    """Those that compare."""
    return [seconds for seconds in found if seconds is not None and 0 < seconds < math.inf]


def _other_slots(comparison: Comparison, slots: int | None) -> str:
    wanted, model = comparison.rule.slots, comparison.pairing.model
    return (
        f"this gate asks for seconds with slots = {wanted}, and {model} answered with {_shape(slots)}: set "
        f"slots = {wanted} in [tool.evalharness.models.{model}], or give the suite a model that has it"
    )


def _shape(slots: int | None) -> str:
    return f"slots = {slots}" if slots else "an unknown number of them"


def _no_seconds(comparison: Comparison, way: _Way, slots: int | None) -> str:
    here = [one for one in comparison.pairing.accepted if _is_here(one, comparison)]
    samples = [sample for found in comparison.pairing.samples.values() for sample in found]
    if not way.runs and here and any(sample.latency_s is not None for sample in samples):
        had = ", ".join(_shape(other) for other in sorted({one.slots for one in here}, key=str))
        return (
            f"no accepted run with {_shape(slots)}, only with {had}: seconds compare within one shape; accept a new run"
        )
    if not here:
        return f"no accepted run on a machine like this one ({comparison.run.header.machine_class})"
    replayed = sum(bool(sample.recorded_at) for sample in samples)
    return f"{replayed} answers were replayed, and those say nothing of time" if replayed else "no times to compare"


def _is_here(run: AcceptedRun, comparison: Comparison) -> bool:
    return run.machine_class == comparison.run.header.machine_class


LATENCY, FIRST_TOKEN, PER_TOKEN = (LatencyGate(timing) for timing in TIMINGS)

"""A gate on seconds, for one model and prompt: which seconds count, and which way of comparing there is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from evalharness.gate.evidence import STATUS
from evalharness.gate.kinds.latency_stats import Calibration, Mode, assess_latency
from evalharness.gate.pairing import Pairing, baseline_samples, one_line
from evalharness.gate.stats.sessions import FEWEST_RUNS
from evalharness.records import GateRule, Run, RunHeader, Verdict, slots_of


def latency_verdict(pairing: Pairing, rule: GateRule, run: Run, reference: Run | None) -> Verdict:
    """What it says; it fails only where there is enough to compare with, measured in the same shape."""
    slots = slots_of(sample for samples in pairing.samples.values() for sample in samples)
    if rule.slots and rule.slots != slots:
        return _another_shape(pairing, rule, slots)
    mode, runs, calibration = _mode(pairing, run, reference, slots)
    stored = {
        case: [d for d in baseline_samples(pairing, case, copies=False) if d.run in runs] for case in pairing.cases
    }
    then = {case: _seconds(draw.seconds(rule.metric) for draw in draws) for case, draws in stored.items()}
    now = {case: _seconds(s.seconds(rule.metric) for s in pairing.samples[case]) for case in pairing.cases}
    if mode == "history":
        then = {case: seconds for case, seconds in then.items() if len(seconds) == len(runs)}
    then, now = ({case: seconds for case, seconds in side.items() if seconds} for side in (then, now))
    result = assess_latency(then, now, mode=mode, margin=rule.margin, calibration=calibration)
    reason = result.reason if then.keys() & now.keys() else _no_times(pairing, run.header, runs, slots)
    return Verdict(
        pairing.model,
        pairing.prompt,
        rule.metric,
        STATUS[result.verdict],
        one_line(reason),
        gating=result.verdict == "FAIL" or mode in ("interleaved", "history"),
        margin=rule.margin,
        drop=math.expm1(result.drop) if result.cases else None,
        largest_drop=math.expm1(-result.lower_bound) if math.isfinite(result.lower_bound) else None,
        p_value=result.p_value if result.cases else None,
        cases=result.cases,
    )


def _another_shape(pairing: Pairing, rule: GateRule, slots: int | None) -> Verdict:
    """Nothing can be said: nobody measured what the gate asks for."""
    reason = (
        f"this gate asks for seconds with slots = {rule.slots}, and {pairing.model} answered with {_shape(slots)}: set "
        f"slots = {rule.slots} in [tool.evalharness.models.{pairing.model}], or give the suite a model that has it"
    )
    return Verdict(pairing.model, pairing.prompt, rule.metric, "error", one_line(reason), margin=rule.margin)


def _shape(slots: int | None) -> str:
    return f"slots = {slots}" if slots else "an unknown number of them"


def _mode(
    pairing: Pairing, run: Run, reference: Run | None, slots: int | None
) -> tuple[Mode, list[str], Calibration | None]:
    """What there is to compare seconds with: the way, the baseline's runs that count, the machine's own speed."""
    assert pairing.baseline
    alike = [one for one in pairing.baseline.runs if one.slots == slots]
    if reference is not None and any(one.id == reference.header.id for one in alike):
        return "interleaved", [reference.header.id], None
    here = [one for one in alike if one.machine_class == run.header.machine_class]
    measured = [one.calibration_s for one in here if one.calibration_s]
    known = run.calibration_s is not None and len(measured) == len(here) and bool(here)
    calibration = Calibration(measured, run.calibration_s) if known and run.calibration_s else None
    if len(here) >= FEWEST_RUNS:
        return "history", [one.id for one in here], calibration
    few: Mode = "calibrated" if calibration else "stored" if here else "none"
    return few, [one.id for one in here], calibration


def _seconds(found: Iterable[float | None]) -> list[float]:
    """Those that may be compared."""
    return [seconds for seconds in found if seconds is not None and 0 < seconds < math.inf]


def _no_times(pairing: Pairing, header: RunHeader, runs: Sequence[str], slots: int | None) -> str:
    assert pairing.baseline
    there = {one.slots for one in pairing.baseline.runs if one.machine_class == header.machine_class}
    if not runs and there and any(s.latency_s is not None for samples in pairing.samples.values() for s in samples):
        had = ", ".join(_shape(other) for other in sorted(there, key=str))
        return (
            f"no accepted run with {_shape(slots)}, only with {had}: seconds compare within one shape; accept a new run"
        )
    if not there:
        return f"no accepted run on a machine like this one ({header.machine_class})"
    replayed = sum(bool(sample.recorded_at) for samples in pairing.samples.values() for sample in samples)
    return f"{replayed} answers were replayed, and those say nothing of time" if replayed else "no times to compare"

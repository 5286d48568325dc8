"""The seconds that a gate compares: of which accepted runs, of which samples, and how."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalharness.gate.case_samples import count_of, without_texts
from evalharness.gate.context import GateContext, NoComparison
from evalharness.gate.defaults import FEWEST_SESSIONS
from evalharness.records import AcceptedRun, Sample, slots_of
from evalharness.records.marks import Mark
from evalharness.records.numbers import Numbers

if TYPE_CHECKING:  # brings numpy, which loading a suite does not need
    from evalharness.gate.latency import Calibration, Mode

Seconds = dict[str, list[float]]
"""Case id -> seconds of its samples."""


@dataclass(frozen=True, slots=True)
class Basis:
    """The basis of a comparison of seconds."""

    mode: Mode
    runs: Sequence[str]
    """Ids of the baseline's runs to compare with."""
    calibration: Calibration | None = None


def basis_of(context: GateContext) -> Basis:
    """The reference run if both versions ran in turns; otherwise the accepted runs on this class of machine."""
    from evalharness.gate.latency import Calibration

    run, reference, slots = context.run, context.reference, _slots(context)
    same_slots = [one for one in context.pairing.accepted if one.slots == slots]
    if reference is not None and any(one.id == reference.header.id for one in same_slots):
        return Basis("interleaved", [reference.header.id])
    if len(run.header.machine_classes) > 1:
        raise NoComparison("incomparable", f"the shards ran on different machines ({run.header.machine_class})")
    here = [one for one in same_slots if one.machine_class == run.header.machine_class]
    measured = [one.calibration_s for one in here if one.calibration_s]
    speed = run.calibration_s if here and len(measured) == len(here) else None
    calibration = Calibration(measured, speed) if speed else None
    few: Mode = "calibrated" if calibration else "stored" if here else "none"
    mode: Mode = "history" if len(here) >= FEWEST_SESSIONS else few
    return Basis(mode, [one.id for one in here], calibration)


def compared(context: GateContext, case: str, basis: Basis) -> Sequence[Sample | Numbers]:
    """The samples of this version; those taken in turns with the reference where there is one."""
    in_turns = basis.mode == "interleaved" and not context.run.header.against
    return without_texts(context.pairing.samples, case, Mark.CONFIRM if in_turns else Mark.ANY)


def positive(found: Iterable[float | None]) -> list[float]:
    """The seconds that can be compared."""
    return [seconds for seconds in found if seconds is not None and 0 < seconds < math.inf]


def other_slots(context: GateContext) -> str:
    """Why the number of slots is not the one that the rule requires; "" if it is."""
    wanted, model, slots = context.rule.slots, context.pairing.model, _slots(context)
    if not wanted or wanted == slots:
        return ""
    return (
        f"expected seconds with slots = {wanted}, got {_slots_text(slots)} from {model}: set slots = {wanted} in "
        f"[tool.evalharness.models.{model}], or use a model that has this setting"
    )


def no_seconds(context: GateContext, basis: Basis) -> str:
    """Why there are no seconds to compare."""
    here = [one for one in context.pairing.accepted if _is_here(one, context)]
    if not basis.runs and here and any(one.latency_s is not None for one in _samples(context)):
        accepted = ", ".join(_slots_text(other) for other in sorted({one.slots for one in here}, key=str))
        return (
            f"no accepted run with {_slots_text(_slots(context))}, only with {accepted}: seconds with different slots "
            "cannot be compared; accept a new run"
        )
    if not here:
        return f"no accepted run on a machine like this one ({context.run.header.machine_class})"
    replayed = count_of(context.pairing.samples, Mark.REPLAYED)
    return f"{replayed} responses were replayed, which have no times" if replayed else "no times to compare"


def _slots(context: GateContext) -> int | None:
    return slots_of(_samples(context))


def _samples(context: GateContext) -> Iterator[Sample | Numbers]:
    samples = context.pairing.samples
    return (one for case in samples for one in without_texts(samples, case))


def _slots_text(slots: int | None) -> str:
    return f"slots = {slots}" if slots else "an unknown number of slots"


def _is_here(run: AcceptedRun, context: GateContext) -> bool:
    return run.machine_class == context.run.header.machine_class

"""The speed of this machine during a run: seconds of a fixed piece of work."""

from __future__ import annotations

from statistics import median

from evalharness.evaluation.plan import Plan
from evalharness.gate.kinds import gate_kind
from evalharness.store import work_s


class MachineSpeed:
    """Measured only if a gate compares latencies of a local model."""

    def __init__(self, plan: Plan) -> None:
        gated = any(gate_kind(gate.rule.metric).measures_machine for gate in plan.suite.gates)
        self._needed = gated and any(provider.capabilities.local for provider in plan.providers.values())
        self._measured: list[float] = []
        self.calibration_s: float | None = None
        """The median; None if it was not measured."""

    def measure(self, times: int) -> None:
        """Run the work so many times, if the speed is needed."""
        if self._needed:
            self._measured += [work_s() for _ in range(times)]
            self.calibration_s = median(self._measured)

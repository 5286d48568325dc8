"""The speed of this machine during a run: seconds of a fixed piece of work."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from evalharness.config import Config
from evalharness.evaluation.plan import Plan
from evalharness.execution import Executor
from evalharness.execution.elsewhere import executor_kind
from evalharness.gate.kinds import gate_kind
from evalharness.records import RunHeader
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


def placed(header: RunHeader, executor: str | Executor | None, config: Config) -> RunHeader:
    """Return the header with another machine class where an executor places local models on other machines."""
    kind = executor_kind(executor, config) if executor is None or isinstance(executor, str) else "local"
    elsewhere = header.fixed and kind != "local"
    return replace(header, machine_class=f"{header.machine_class}, executor {kind}") if elsewhere else header

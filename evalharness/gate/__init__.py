"""Is it worse? Records in, verdicts out: pure arithmetic, with error rates that are simulated in docs/gate.md."""

from __future__ import annotations

from evalharness.gate.compare import judge_run
from evalharness.gate.cost import judge_cost
from evalharness.gate.evidence import Judgement
from evalharness.gate.judge import judge
from evalharness.gate.latency import Calibration, judge_latency
from evalharness.gate.parts import judge_part

__all__ = ["Calibration", "Judgement", "judge", "judge_cost", "judge_latency", "judge_part", "judge_run"]

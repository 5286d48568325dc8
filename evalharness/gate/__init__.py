"""Run x Baseline -> Verdicts. Pure arithmetic: no file is read, nothing is asked."""

from evalharness.gate.compare import Baselines, judge_run

__all__ = ["Baselines", "judge_run"]

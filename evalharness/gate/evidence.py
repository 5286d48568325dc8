"""The data of a gate: its rules, its evidence, its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalharness.gate.context import Stage
from evalharness.gate.defaults import ALPHA, ALPHA_PASS, QUALITY_MARGIN
from evalharness.gate.stats.bounds import Spread, Target, runs_needed
from evalharness.gate.stats.permutation import Pair, change
from evalharness.records import Slice, Status

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]
STATUS: Mapping[Word, Status] = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "inconclusive"}
"""The status of a verdict for each result."""

Runs = Mapping[str, Sequence[float]]
"""Case id -> the values of its runs."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The margin of a gate, and its error rates."""

    margin: float = QUALITY_MARGIN
    alpha: float = ALPHA
    alpha_pass: float = ALPHA_PASS
    target: Target = "suite"
    stage: Stage = "single"
    unit: Literal["points", "log ratio"] = "points"
    span: float = 1.0
    """The largest change that one case can make."""
    floor: bool = True
    """Whether a PASS needs a minimum number of runs: so many that a drop of the margin would show one failure."""

    @property
    def bound_alpha(self) -> float:
        """The error rate of the bound at this stage."""
        return self.alpha_pass if self.stage == "single" else self.alpha_pass / 2

    @property
    def runs_needed(self) -> int:
        """Number of candidate runs that a PASS needs."""
        return runs_needed(self.margin, alpha=self.bound_alpha) if self.floor else 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence on one metric, before Holm's correction over all gates."""

    pairs: tuple[Pair, ...]
    """The runs of each case, or the means of each cluster."""
    cases: int
    spread: Spread
    p_value: float
    smallest_p: float
    factor: float = 1.0
    """Factor by which the variance between runs exceeds the variance that the cases explain; at least 1."""
    blocked: str = ""
    """Reason against a PASS: cases that only one side has, for example."""
    remark: str = ""
    """A further finding that decides, for the reason of the verdict."""
    slices: tuple[Slice, ...] = ()
    """The change of each tag."""

    @property
    def change(self) -> float:
        """Mean over cases of candidate - baseline; negative is worse."""
        return self.spread.middle if not self.pairs else float(change(self.pairs).mean())

    @property
    def runs(self) -> tuple[int, int]:
        """The smallest number of runs of a case: baseline, candidate."""
        return min(len(b) for b, _ in self.pairs), min(len(c) for _, c in self.pairs)

    @property
    def usual_runs(self) -> tuple[int, int]:
        """The median number of runs of a case: baseline, candidate."""
        before, after = (sorted(len(pair[side]) for pair in self.pairs)[len(self.pairs) // 2] for side in (0, 1))
        return before, after

    @property
    def candidate_runs(self) -> int:
        """Number of candidate runs of all cases together."""
        return sum(len(c) for _, c in self.pairs)


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of one gate."""

    verdict: Word
    reason: str
    """One line of text."""
    p_value: float
    """One-sided mid-p of "worse"."""
    drop: float
    """Mean drop over the cases; negative is better."""
    lower_bound: float
    """One-sided lower bound of the change (candidate - baseline). A PASS needs it above -margin."""
    upper_bound: float
    """One-sided upper bound of the change."""
    cases: int
    minimum_detectable_drop: float | None = None
    """Drop that a run like this one detects 80 % of the time; None if there is none, or after a PASS."""
    needed_cases: int | None = None
    """After INCONCLUSIVE: number of additional cases that settle it 80 % of the time, if nothing has changed."""
    needed_repeats: int | None = None
    """Number of additional runs of each case, on both sides, that do the same."""
    suspicious: bool = False
    """No PASS, and a p-value of at most 0.20: worth a confirmation."""
    slices: tuple[Slice, ...] = ()
    """The change of each tag."""
    gating: bool = True
    """False for a gate that is only shown and does not change the status of the run."""

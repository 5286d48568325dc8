"""What a gate goes by and what it finds: rules, evidence, result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalharness.gate.comparison import Stage
from evalharness.gate.defaults import ALPHA, ALPHA_PASS, QUALITY_MARGIN
from evalharness.gate.stats.bounds import Spread, Target, runs_needed
from evalharness.gate.stats.permutation import Pair, change
from evalharness.records import Slice, Status

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]
STATUS: Mapping[Word, Status] = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "inconclusive"}
"""As a run's verdict calls it."""

Runs = Mapping[str, Sequence[float]]
"""Case id -> the values of its runs."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How much worse is too much, and how sure to be."""

    margin: float = QUALITY_MARGIN
    alpha: float = ALPHA
    alpha_pass: float = ALPHA_PASS
    target: Target = "suite"
    stage: Stage = "single"
    unit: Literal["points", "log ratio"] = "points"
    span: float = 1.0
    """The largest change that one case can make."""
    floor: bool = True
    """Whether a PASS needs so many runs that one failure at the margin would have shown."""

    @property
    def bound_alpha(self) -> float:
        """Of the bound at this stage."""
        return self.alpha_pass if self.stage == "single" else self.alpha_pass / 2

    @property
    def runs_needed(self) -> int:
        """Candidate runs that a PASS needs."""
        return runs_needed(self.margin, alpha=self.bound_alpha) if self.floor else 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the data say about one metric, before the verdict (which needs Holm over all gates)."""

    pairs: tuple[Pair, ...]
    """The runs of each case, or the means of each cluster."""
    cases: int
    spread: Spread
    p_value: float
    smallest_p: float
    factor: float = 1.0
    """Between runs, over what the cases explain."""
    blocked: str = ""
    """Why it may not pass: cases that only one side has, for example."""
    remark: str = ""
    """What else was seen, where it decides."""
    slices: tuple[Slice, ...] = ()
    """The change of each tag."""

    @property
    def change(self) -> float:
        """Mean over cases of candidate - baseline; negative is worse."""
        return self.spread.middle if not self.pairs else float(change(self.pairs).mean())

    @property
    def runs(self) -> tuple[int, int]:
        """The fewest runs of a case: baseline's, candidate's."""
        return min(len(b) for b, _ in self.pairs), min(len(c) for _, c in self.pairs)

    @property
    def usual_runs(self) -> tuple[int, int]:
        """Those of the middle case."""
        before, after = (sorted(len(pair[side]) for pair in self.pairs)[len(self.pairs) // 2] for side in (0, 1))
        return before, after

    @property
    def candidate_runs(self) -> int:
        """Of all cases together."""
        return sum(len(c) for _, c in self.pairs)


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate says, and how sure it is."""

    verdict: Word
    reason: str
    """One line for an engineer."""
    p_value: float
    """Mid-p of "worse", one-sided."""
    drop: float
    """Mean fall over cases; negative is better."""
    lower_bound: float
    """One-sided bound of the change (candidate - baseline): a PASS needs it above -margin."""
    upper_bound: float
    cases: int
    minimum_detectable_drop: float | None = None
    """The drop that a run like this one catches 80 % of the time; None where there is none, or after a PASS."""
    needed_cases: int | None = None
    """After INCONCLUSIVE: so many more cases would settle it 80 % of the time, if nothing has changed."""
    needed_repeats: int | None = None
    """Or so many more runs of each case, on both sides."""
    suspicious: bool = False
    """No PASS, and a p-value of at most 0.20: two fresh runs of both sides are worth their price."""
    slices: tuple[Slice, ...] = ()
    """The change of each tag."""
    gating: bool = True
    """False: shown for information, never changes the status of the run."""

"""The data of a gate: its rules, its evidence, its result."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evalharness.gate.defaults import ALPHA, ALPHA_PASS, POPULATION, QUALITY_MARGIN
from evalharness.gate.stats.bounds import Spread, Target, runs_needed
from evalharness.gate.stats.pairs import TOLERANCE, Pair, blocks, change
from evalharness.records import Slice, Status
from evalharness.records.answer_label import JudgeFacts

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
    """Of the test within cases."""
    alpha_pass: float = ALPHA_PASS
    promised: float | None = None
    """The rate of all looks together, where `alpha_pass` is a part of it."""
    population: float = POPULATION
    """Of the test over cases. 1 leaves it out."""
    target: Target = "suite"
    unit: Literal["points", "log ratio"] = "points"
    span: float = 1.0
    """The largest change that one case can make."""
    counts_failures: bool = True
    """Whether a PASS is guarded by the number of net failures, see `bounds.few_failures`."""

    @property
    def runs_needed(self) -> int:
        """Number of candidate runs that a PASS needs."""
        return runs_needed(self.margin, alpha=self.alpha_pass) if self.counts_failures else 0


@dataclass(frozen=True, slots=True)
class Total:
    """The change of all tokens together, which a few endless answers decide."""

    before: float
    """Mean tokens of a case in the baseline."""
    rise: Spread
    """Of the mean rise of a case, in tokens."""
    answers: int
    """Number of candidate answers."""
    longest: float | None
    """Tokens that one answer can add: `max_tokens`. None if unknown."""

    @property
    def ratio(self) -> float:
        """The change as a ratio: 0.05 is 5 % more tokens."""
        return self.rise.middle / self.before

    def at_most(self, alpha: float) -> float:
        """The one-sided (1 - alpha) upper bound of the change, as a ratio.

        Answers of `longest` tokens that no answer of the run shows may still occur at a rate of 1 - alpha^(1/answers):
        the "rule of three" (Hanley and Lippman-Hand 1983).
        """
        unseen = -math.expm1(math.log(alpha) / self.answers) * (self.longest or 0.0)
        return (self.rise.bounds(alpha)[1] + unseen) / self.before


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence on one metric, before Holm's correction over all gates."""

    pairs: Sequence[Pair]
    """The runs of each case, or the means of each cluster."""
    cases: int
    within: Spread
    """Of the change on exactly these cases."""
    over: Spread
    """Of the change on cases like these."""
    p_value: float
    """Of the test within cases."""
    population_p: float
    """Of the test over cases."""
    smallest_p: float
    factor: float = 1.0
    """Factor by which the variance between runs exceeds the variance that the cases explain; at least 1."""
    blocked: str = ""
    """Reason against a PASS: cases that only one side has, for example."""
    remark: str = ""
    """A further finding that decides, for the reason of the verdict."""
    total: Total | None = None
    """The change of the sum over all cases, where a PASS needs its bound too."""
    counted: Evidence | None = None
    """The evidence that can fail the gate, where some cases cannot (`own_words.py`); None: this evidence."""

    @property
    def change(self) -> float:
        """Mean over cases of candidate - baseline; negative is worse."""
        return self.within.middle if not self.pairs else float(change(self.pairs).mean())

    @property
    def moved(self) -> tuple[int, int]:
        """The number of cases, or clusters, whose mean went up, and of those whose mean went down."""
        changes = change(self.pairs) if self.pairs else np.zeros(0)
        return int((changes > TOLERANCE).sum()), int((changes < -TOLERANCE).sum())

    @property
    def runs(self) -> tuple[int, int]:
        """The smallest number of runs of a case: baseline, candidate."""
        grouped = blocks(self.pairs)
        return min(b.shape[1] for b, _ in grouped), min(c.shape[1] for _, c in grouped)

    @property
    def usual_runs(self) -> tuple[int, int]:
        """The median number of runs of a case: baseline, candidate."""
        grouped, middle = blocks(self.pairs), len(self.pairs) // 2
        sizes = (sorted((block[side].shape[1], len(block[side])) for block in grouped) for side in (0, 1))
        before, after = (int(np.repeat(*np.transpose(of)).item(middle)) for of in sizes)
        return before, after

    @property
    def candidate_runs(self) -> int:
        """Number of candidate runs of all cases together."""
        return sum(c.size for _, c in blocks(self.pairs))


@dataclass(frozen=True, slots=True)
class FreshEvidence:
    """The evidence at one look."""

    failing: Evidence
    """Fresh samples of both versions, next to each other: only these can fail the gate."""
    passing: Evidence
    """The same, or all samples of both versions where the model is the one of the accepted runs."""


class Sequential(ABC):
    """Evidence with a p-value for each look at fresh samples."""

    __slots__ = ()

    @property
    @abstractmethod
    def p_values(self) -> tuple[float, ...]:
        """One for each look, or the only one."""

    @abstractmethod
    def corrected(self, p_values: tuple[float, ...]) -> Sequential:
        """The evidence with its p-values after the correction for all gates."""

    @property
    def p_value(self) -> float:
        """The last of the p-values."""
        return self.p_values[-1]


@dataclass(frozen=True, slots=True)
class Staged(Sequential):
    """The evidence of a gate: of the screening stage, then of each look at fresh samples."""

    screen: Evidence
    looks: tuple[FreshEvidence, ...] = ()
    slices: tuple[Slice, ...] = ()
    """The change of each tag, by all samples."""
    worst: tuple[tuple[str, float], ...] = ()
    """The cases that lost most, and the change of each; minus is worse."""
    unchanged: bool = False
    """Whether each answer of the run equals an accepted one."""
    mean: float = 0.0
    """Mean of the run over cases, on the scale of the gate, if it is unchanged."""
    drift: float = 0.0
    """Change of the accepted version since it was accepted, where it is significant; 0 where it is not."""
    alone: bool = False
    """Whether fresh samples of the accepted version are missing."""
    one_day: str = ""
    """The day of all accepted runs, ISO 8601, where it matters: without fresh samples of the accepted version."""
    adjusted: tuple[float, ...] = ()
    """The `p_values` after the correction for all gates of the run."""

    @property
    def p_values(self) -> tuple[float, ...]:
        """The p-value of each look; that of the screening stage without any."""
        return tuple(look.failing.p_value for look in self.looks) or (self.screen.p_value,)

    def corrected(self, p_values: tuple[float, ...]) -> Staged:
        """The evidence with its p-values after the correction for all gates."""
        return replace(self, adjusted=p_values)


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of one gate."""

    verdict: Word
    reason: str
    """One line of text."""
    p_value: float
    """One-sided mid-p of "worse"."""
    change: float
    """Mean change over the cases (candidate - baseline); minus is worse. With the unit `ratio`, of -log(value)."""
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
    """No PASS, and a p-value of the screening stage of at most 0.20."""
    open: bool = False
    """No PASS and no FAIL, and more samples can decide."""
    notice: str = ""
    """The part of the reason that each report shows after a PASS too."""
    population_p: float = 1.0
    """One-sided p-value of "worse" on cases like these."""
    population: tuple[float, float] = (-math.inf, math.inf)
    """One-sided bounds of the change on cases like these."""
    up: int = 0
    """Number of cases whose mean went up."""
    down: int = 0
    """Number of cases whose mean went down."""
    worst: tuple[tuple[str, float], ...] = ()
    """The cases that lost most, and the change of each; minus is worse."""
    slices: tuple[Slice, ...] = ()
    """The change of each tag."""
    before: float | None = None
    """Mean of the baseline over the cases: of the scores, or the geometric mean of tokens or seconds."""
    after: float | None = None
    """The same of the candidate."""
    gating: bool = True
    """False for a gate that is only shown and does not change the status of the run."""
    judge: JudgeFacts | None = None
    """For a gate on a judge with labels of people."""

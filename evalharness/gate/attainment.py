"""Attainment: the share of responses that are in time. Two questions, each answered by a bound.

    at least   is the share of this run at least the target? Exact binomial bounds (Clopper and Pearson 1934)
    no worse   is it no smaller than that of the accepted version? As a pass/fail score, both versions in turns

A case or a cluster counts as one trial, however often it was sampled: of all numbers from 0 to 1 with the same mean, 0
and 1 vary most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from evalharness.amounts import score, scores
from evalharness.gate.defaults import ALPHA, ALPHA_PASS, ALPHA_WARN, QUALITY_MARGIN
from evalharness.gate.evidence import Evidence, GateResult, Rules, Runs, Word
from evalharness.gate.scores import collect_evidence, conclude
from evalharness.gate.stats.binomial import p_above, p_below, share_bounds
from evalharness.gate.stats.permutation import holm
from evalharness.gate.wording import count

InTime = Mapping[str, Sequence[bool | None]]
"""Case id -> whether each response is in time; None if that is unknown."""
_ROUNDING = 1e-9
_MOST_NEEDED = 10_000


@dataclass(frozen=True, slots=True)
class Attainment:
    """A share of trials that are in time, with what is unknown."""

    met: float
    """Trials in time; a case with several responses counts by their mean."""
    unknown: float
    trials: int

    @property
    def share(self) -> float:
        """The share of the trials with a known time; NaN without any."""
        known = self.trials - self.unknown
        return self.met / known if known > _ROUNDING else math.nan

    @property
    def hits(self) -> tuple[int, int]:
        """The whole number of trials in time, at least and at most: unknown ones miss, or meet, the bounds."""
        return math.floor(self.met + _ROUNDING), math.ceil(self.met + self.unknown - _ROUNDING)

    @property
    def bounds(self) -> tuple[float, float]:
        """One-sided bounds of the share. Unknown trials make the interval wider at both ends."""
        low, high = (share_bounds(hits, self.trials, alpha=ALPHA_PASS)[end] for end, hits in enumerate(self.hits))
        return low, high

    def p_below(self, target: float) -> float:
        """The p-value of "the share is below the target"."""
        return p_below(self.hits[1], self.trials, target)

    def reaches(self, target: float) -> bool:
        """Whether the lower bound is at least the target."""
        return p_above(self.hits[0], self.trials, target) <= ALPHA_PASS

    def of(self, trials: int) -> Attainment:
        """The same share of another number of trials."""
        return Attainment(self.share * trials, 0.0, trials)


@dataclass(frozen=True, slots=True)
class Beside:
    """The responses of the accepted version and of this one."""

    before: Runs
    """1 for a response in time, 0 for another."""
    after: Runs
    in_turns: bool
    """Whether both versions ran in turns. The times of an earlier day do not contain the load of today."""


def assess_attainment(
    in_time: InTime,
    at_least: float,
    *,
    beside: Beside | None = None,
    margin: float = QUALITY_MARGIN,
    clusters: Mapping[str, str] | None = None,
    seed: str = "",
) -> GateResult:
    """Assess whether the share of responses in time is at least the target, and no smaller than before.

    A FAIL needs an upper bound below the target, or a loss of half of the margin in turns with the accepted version. A
    PASS needs a lower bound at the target, and that a drop of the margin is ruled out where both ran in turns.
    Raises ValueError without responses.
    """
    found, in_turns = attainment_of(in_time, clusters or {}), beside is not None and beside.in_turns
    if not found.trials:
        raise ValueError("expected responses, got none")
    rules = Rules(margin, ALPHA if in_turns else ALPHA_WARN)
    evidence = _evidence(beside, rules, seed, clusters) if beside else None
    p_values = [found.p_below(at_least), evidence.p_value if evidence else 1.0]
    p_value, change_p = holm(p_values) if in_turns else p_values
    change = conclude(evidence, change_p, rules, seed=seed) if evidence else None
    word = _word(found, at_least, p_value, change, in_turns=in_turns)
    return _result(word, found, at_least, min(p_value, change_p if in_turns else 1.0), change, in_turns=in_turns)


def attainment_of(in_time: InTime, clusters: Mapping[str, str]) -> Attainment:
    """The share of the cases that have a response, or of their clusters."""
    trials: dict[str, list[Sequence[bool | None]]] = {}
    for case, found in in_time.items():
        if found:
            trials.setdefault(clusters.get(case, f"case {case}"), []).append(found)
    met, unknown = (
        math.fsum(fmean(case.count(wanted) / len(case) for case in cases) for cases in trials.values())
        for wanted in (True, None)
    )
    return Attainment(met, unknown, len(trials))


def _evidence(beside: Beside, rules: Rules, seed: str, clusters: Mapping[str, str] | None) -> Evidence | None:
    found = collect_evidence(beside.before, beside.after, rules=rules, seed=seed, clusters=clusters)
    return found if found.pairs else None


def _word(found: Attainment, target: float, p_value: float, change: GateResult | None, *, in_turns: bool) -> Word:
    is_worse = change is not None and change.verdict == "FAIL"
    if p_value <= ALPHA or (in_turns and is_worse):
        return "FAIL"
    is_held = change is None or (change.verdict == "PASS" if in_turns else not is_worse)
    return "PASS" if found.reaches(target) and is_held else "INCONCLUSIVE"


def _about(found: Attainment, target: float, more: str) -> str:
    """The share with its bounds, and what would decide."""
    low, high = map(_percent, found.bounds)
    share = "no known time" if math.isnan(found.share) else f"{_percent(found.share)} in time"
    unknown = f", {found.unknown:g} of them without a known time" if found.unknown else ""
    text = f"{share}, {count(found.trials, 'case')} ({low} … {high}){unknown}, expected at least {100 * target:g} %"
    return f"{text}: {more}" if more else text


def _about_change(change: GateResult, *, in_turns: bool) -> str:
    if in_turns:
        return f"in turns with the accepted version: {change.reason}"
    known = f"{scores(change.before or 0.0, change.after or 0.0)} against the times of the accepted runs"
    return f"{known}, worse than chance explains" if change.verdict == "FAIL" else f"{known}, for information"


def more_cases(found: Attainment, target: float) -> int | None:
    """About how many more cases decide, if their share is the same; None if more than 10,000 would be needed."""
    low, high = found.trials, 2 * found.trials
    while not _is_decided(found.of(high), target):
        low, high = high, 2 * high
        if high > _MOST_NEEDED:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_decided(found.of(middle), target) else (middle, high)
    return high - found.trials


def _is_decided(found: Attainment, target: float) -> bool:
    return found.reaches(target) or found.p_below(target) <= ALPHA


def _result(
    word: Word, found: Attainment, target: float, p_value: float, change: GateResult | None, *, in_turns: bool
) -> GateResult:
    """The result. Its change is that against the accepted version; without one, no case is compared."""
    after = None if math.isnan(found.share) else found.share
    known = change or GateResult(word, "", p_value, 0.0, -math.inf, math.inf, 0, after=after)
    known = replace(known, minimum_detectable_drop=None, needed_cases=None, needed_repeats=None)
    more = ""
    if word == "INCONCLUSIVE" and after is not None and not found.reaches(target):
        known = replace(known, needed_cases=more_cases(found, target))
        few = f"about {count(known.needed_cases, 'more case')} would decide" if known.needed_cases else ""
        more = few or "the share is too close to it for a decision"
    reason = "; ".join([_about(found, target, more), *([_about_change(change, in_turns=in_turns)] if change else [])])
    return replace(known, verdict=word, reason=reason, p_value=p_value, suspicious=False, open=False)


def _percent(share: float) -> str:
    return f"{score(share)} %"

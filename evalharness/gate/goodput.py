"""Goodput: responses in time per second of request time. Both versions must run in turns.

The goodput of a version is the number of its responses in time, divided by the seconds that all its responses took
together. By Little's law that is the rate of responses in time for each request in flight: times the concurrency it is
the goodput of the endpoint. It needs no clock of the run, so pauses, scoring and the other version do not count.

The gate compares its inverse, the seconds for each response in time, because a ratio that goes up is worse in every
gate. The p-value is exact under exchangeable versions: the labels of each case are swapped at random. Of two statistics
the more extreme one counts: the goodput, which slow cases decide, and its typical change, in which a case counts by the
ratio of its seconds. The bounds are those of a ratio of sums (linearised, Student's t), with one pseudo-case lost and
one won, as for scores.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evalharness.amounts import levels, moved, span
from evalharness.gate.defaults import ALPHA, ALPHA_PASS, LEAST_LOSS, RATIO_MARGIN
from evalharness.gate.evidence import GateResult, Word
from evalharness.gate.numbers import in_percent
from evalharness.gate.stats.bounds import Spread, spread_of
from evalharness.gate.stats.pairs import TOLERANCE, Floats
from evalharness.gate.stats.permutation import PERMUTATIONS
from evalharness.gate.wording import p_text, ratio

Timed = Mapping[str, Sequence[tuple[bool, float]]]
"""Case id -> of each response, whether it is in time, and its seconds."""
_FEWEST_CASES = 20
_ALPHA_PASS = 0.7 * ALPHA_PASS
"""Of the linearised bound, which is too short for the long tails of seconds: at 5 %, 6 to 7 % of the changes by exactly
the margin would pass. Row G1 of the table measures the rate."""
_NONE_IN_TIME = 0.5
"""Responses in time for the estimate of a side that has none."""
_IN_TIME, _SECONDS = 0, 1
_BLOCK = 1_000
"""Swaps at once, so that memory does not grow with their number."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """Responses in time and seconds: an array of cases x 2 for each version. A case counts by its mean."""

    before: Floats
    after: Floats
    cases: int

    @property
    def rates(self) -> tuple[float, float]:
        """Responses in time per second, of each version."""
        sums = (self.before.sum(axis=0), self.after.sum(axis=0))
        before, after = (float(max(one[_IN_TIME], _NONE_IN_TIME) / one[_SECONDS]) for one in sums)
        return before, after

    @property
    def change(self) -> float:
        """The logarithm of the ratio of the rates; minus is worse."""
        before, after = self.rates
        return math.log(after / before)

    @property
    def spread(self) -> Spread:
        """The change with its error, by the influence of each case on the logarithm of each sum."""
        influence = _influence(self.after) - _influence(self.before)
        pairs = [(np.zeros(1), np.array([one])) for one in influence]
        return replace(spread_of(pairs, target="population"), middle=self.change)

    @property
    def has_some(self) -> bool:
        """Whether both versions have a response in time."""
        return bool(self.before[:, _IN_TIME].any() and self.after[:, _IN_TIME].any())


def assess_goodput(
    baseline: Timed,
    candidate: Timed,
    *,
    in_turns: bool = True,
    margin: float = RATIO_MARGIN,
    clusters: Mapping[str, str] | None = None,
    seed: str = "",
) -> GateResult:
    """Assess whether a response in time takes the candidate more seconds by `margin` (a ratio) or more.

    Without `in_turns` the result is for information. `clusters` maps a case to what it shares with others, and each
    cluster counts as one. Changes in the result are natural logarithms of ratios; negative is worse.
    Raises ValueError for seconds that are not above 0.
    """
    sides = _sides(baseline, candidate, clusters or {})
    if not sides.cases:
        return GateResult("INCONCLUSIVE", "nothing to compare with", 1.0, 0.0, -math.inf, math.inf, 0)
    if not (sides.before[:, _IN_TIME].any() or sides.after[:, _IN_TIME].any()):
        reason = f"no response of either version is in time, on {sides.cases} cases"
        return GateResult("INCONCLUSIVE", reason, 1.0, 0.0, -math.inf, math.inf, 0)
    p_value = _p_worse(sides, f"{seed}|goodput")
    low, high = sides.spread.bounds(_ALPHA_PASS) if sides.has_some else (-math.inf, math.inf)
    limit = math.log1p(margin)
    enough = in_turns and len(sides.before) >= _FEWEST_CASES
    word = _word(sides.change, low, p_value, limit) if enough else "INCONCLUSIVE"
    before, after = (1 / rate for rate in sides.rates)
    result = GateResult(word, "", p_value, sides.change, low, high, sides.cases, before=before, after=after)
    return replace(result, reason=_reason(result, sides.rates, limit, in_turns=in_turns))


def _word(change: float, low: float, p_value: float, limit: float) -> Word:
    if low > -limit:
        return "PASS"
    return "FAIL" if p_value <= ALPHA and -change >= LEAST_LOSS * limit else "INCONCLUSIVE"


def _reason(result: GateResult, rates: tuple[float, float], limit: float, *, in_turns: bool) -> str:
    seconds = moved(result.before, result.after, in_percent(result.change), "percent", "seconds")
    bounds = [None if math.isinf(one) else in_percent(one) for one in (result.upper_bound, result.lower_bound)]
    goodput = f"goodput {levels(*rates, '')} responses in time per second and request in flight"
    if all(bound is None for bound in bounds):
        goodput = "one version has no response in time, so that half a response counts; " + goodput
    text = f"{goodput}; each takes {seconds} ({span(bounds[0], bounds[1], 'percent')})"
    if not in_turns:
        return f"{text}, against the times of the accepted runs: only a comparison in turns decides"
    if result.verdict == "PASS":
        return f"{text}, in turns: {ratio(limit)} or more is ruled out"
    if result.verdict == "FAIL":
        return f"{text}, in turns, {p_text(result.p_value)}"
    few = f"; a verdict needs {_FEWEST_CASES} cases or clusters" if result.cases < _FEWEST_CASES else ""
    return f"{text}, in turns: cannot rule out {ratio(limit)}{few}"


def _sides(baseline: Timed, candidate: Timed, clusters: Mapping[str, str]) -> _Sides:
    common = sorted(case for case in baseline if len(baseline[case]) and len(candidate.get(case, ())))
    members: dict[str, list[str]] = {}
    for case in common:
        members.setdefault(clusters.get(case, f"case {case}"), []).append(case)
    before, after = (
        np.array([_mean([_mean(side[case]) for case in cases]) for cases in members.values()], float)
        for side in (baseline, candidate)
    )
    if common and not all((side[:, _SECONDS] > 0).all() and np.isfinite(side).all() for side in (before, after)):
        raise ValueError("expected seconds above 0")
    return _Sides(before, after, len(common))


def _mean(rows: Sequence[npt.ArrayLike]) -> npt.ArrayLike:
    """The mean row. Of one row, as most cases have, it is found without an array, which costs most of the time."""
    return rows[0] if len(rows) == 1 else np.mean(rows, axis=0)  # type: ignore[arg-type]


def _influence(side: Floats) -> Floats:
    """The influence of each case on the logarithm of the rate: its share of the sums, where 1 is the mean case."""
    shares = side / side.mean(axis=0)
    influence: Floats = shares[:, _IN_TIME] - shares[:, _SECONDS]
    return influence


def _p_worse(sides: _Sides, seed: str) -> float:
    """The mid-p of "fewer per second", by 9,999 random swaps of the versions of each case and the observed labels."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    cases = len(sides.before)
    found = [_statistics(sides, np.ones((1, cases)))]
    for done in range(0, PERMUTATIONS, _BLOCK):
        signs: Floats = rng.integers(0, 2, size=(min(_BLOCK, PERMUTATIONS - done), cases)).astype(np.float64) * 2 - 1
        found.append(_statistics(sides, signs))
    every = np.concatenate(found)
    deviations = every.std(axis=0)
    lowest = (every / np.where(deviations > 0, deviations, 1.0)).min(axis=1)
    lower, equal = (lowest < lowest[0] - TOLERANCE).sum(), (np.abs(lowest - lowest[0]) <= TOLERANCE).sum()
    return float(lower + equal / 2) / (PERMUTATIONS + 1)


def _statistics(sides: _Sides, signs: Floats) -> Floats:
    """For each labelling, the change of the rate and its typical change; minus is worse. Sign -1 swaps a case."""
    together, differences = (sides.after + sides.before).sum(axis=0), signs @ (sides.after - sides.before)
    after, before = (together + differences) / 2, (together - differences) / 2
    rate = after[:, _IN_TIME] / after[:, _SECONDS] - before[:, _IN_TIME] / before[:, _SECONDS]
    slower = np.log(sides.after[:, _SECONDS] / sides.before[:, _SECONDS])
    typical = 2 * differences[:, _IN_TIME] / together[_IN_TIME] - (signs @ slower) / len(slower)
    return np.column_stack([rate, typical])

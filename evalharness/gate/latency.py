"""Latency: the log ratio of the seconds of each case.

A stored time does not contain the load of today, so a comparison with stored times alone would fail 17 to 45 % of
unchanged runs. The mode of comparison depends on the available data:

    interleaved   both versions ran in turns: Hodges-Lehmann and Wilcoxon; may fail
    history       five or more accepted runs on this class of machine: Student's t prediction; may fail with the
                  machine's speed of each run, because an hour of an endpoint cannot be told from the change
    calibrated    fewer accepted runs, and a measured machine speed on both sides: warns only
    stored        fewer accepted runs, and no machine speed: for information
    none          nothing to compare with
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evalharness.amounts import moved, span
from evalharness.gate.clusters import clustered
from evalharness.gate.defaults import ALPHA, ALPHA_PASS, FEWEST_SESSIONS, RATIO_MARGIN
from evalharness.gate.evidence import GateResult, Runs, Word
from evalharness.gate.numbers import in_percent
from evalharness.gate.stats.distributions import normal_below, normal_quantile, t_below, t_quantile
from evalharness.gate.stats.outliers import SLOW, outlier_rates
from evalharness.gate.stats.pairs import Floats, Pair
from evalharness.gate.stats.permutation import holm
from evalharness.gate.wording import p_text, ratio

Mode = Literal["interleaved", "history", "calibrated", "stored", "none"]
UNSURE: Word = "INCONCLUSIVE"
_FEWEST_CASES = 20
_MOST_PAIRED = 1_500
"""The number of Walsh averages is quadratic in the cases: of more cases, an even selection is used."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The speed of the machine: seconds of a fixed piece of work in each run."""

    baseline_s: Sequence[float]
    """One value for each accepted run, in the order of the runs."""
    candidate_s: float


@dataclass(frozen=True, slots=True)
class _Shift:
    """A log ratio, its one-sided bounds, and the p-value of "slower"."""

    middle: float
    low: float
    high: float
    p_value: float
    before: float | None = None
    """Geometric mean of the baseline's seconds over cases."""

    @property
    def after(self) -> float | None:
        """The seconds of the candidate on a machine as fast as the baseline's."""
        return None if self.before is None else self.before * math.exp(self.middle)


def assess_latency(
    baseline: Runs,
    candidate: Runs,
    *,
    mode: Mode = "interleaved",
    margin: float = RATIO_MARGIN,
    alpha: float = ALPHA,
    alpha_pass: float = ALPHA_PASS,
    calibration: Calibration | None = None,
    clusters: Mapping[str, str] | None = None,
) -> GateResult:
    """Assess whether the candidate is slower by `margin` (a ratio) or more.

    `baseline` and `candidate` map case ids to the seconds of each run; with `mode="history"`, the n-th run of every
    case belongs to the same accepted run. `clusters` maps a case to what it shares with others (a conversation), and
    each cluster counts as one. Changes in the result are natural logarithms of ratios; negative is slower.
    Raises ValueError for seconds that are not above 0, and for a history of fewer than five accepted runs.
    """
    if mode == "calibrated" and calibration is None:
        raise ValueError('mode="calibrated" needs a calibration')
    sides = _paired(baseline, candidate)
    pairs = clustered(sides, clusters) if clusters else list(sides.values())
    if mode == "none" or not pairs:
        return _result(UNSURE, _Shift(0.0, -math.inf, math.inf, 1.0), len(sides), "nothing to compare with")
    shift = replace(_shift(pairs, mode, calibration, alpha_pass), before=_typical(pairs))
    before, after, slow_p = outlier_rates(pairs, SLOW) if mode == "interleaved" else (0.0, 0.0, 1.0)
    shift_p, slow_p = holm([shift.p_value, slow_p]) if mode == "interleaved" else (shift.p_value, slow_p)
    can_fail = mode == "interleaved" or (mode == "history" and calibration is not None)
    limit = math.log1p(margin)
    verdict = _decide(shift, shift_p, slow_p, mode, limit, alpha) if len(pairs) >= _FEWEST_CASES else UNSURE
    verdict = UNSURE if verdict == "FAIL" and not can_fail else verdict
    corrected = replace(shift, p_value=min(shift_p, slow_p))
    if verdict == "FAIL" and slow_p < shift_p:
        reason = f"{after:.1%} of the calls took more than {SLOW:g} x their case's usual time, {before:.1%} before"
    else:
        reason = _reason(verdict, corrected, mode, limit)
    return _result(verdict, corrected, len(sides), reason)


def _shift(pairs: Sequence[Pair], mode: Mode, calibration: Calibration | None, alpha: float) -> _Shift:
    if mode == "history":
        return _history(pairs, calibration, alpha)
    return _interleaved(pairs, calibration if mode == "calibrated" else None, alpha)


def _decide(shift: _Shift, shift_p: float, slow_p: float, mode: Mode, limit: float, alpha: float) -> Word:
    if mode not in ("interleaved", "history"):
        return UNSURE
    if shift.high < limit and slow_p > alpha:
        return "PASS"
    shifted = shift_p <= alpha and (mode != "history" or shift.middle > limit)
    return "FAIL" if shifted or slow_p <= alpha else UNSURE


def _result(verdict: Word, shift: _Shift, cases: int, reason: str) -> GateResult:
    bounds = (-shift.high, -shift.low)
    return GateResult(
        verdict, reason, shift.p_value, -shift.middle, *bounds, cases, before=shift.before, after=shift.after
    )


def _reason(verdict: Word, shift: _Shift, mode: Mode, limit: float) -> str:
    middle, low, high = (in_percent(-value) for value in (shift.middle, shift.low, shift.high))
    change = f"{moved(shift.before, shift.after, middle, 'percent', 'seconds')} ({span(low, high, 'percent')}), {mode}"
    if verdict == "PASS":
        return f"{change}: {ratio(limit)} or more is ruled out"
    if verdict == "FAIL":
        return f"{change}, {p_text(shift.p_value)}"
    warning = "slower than the margin: " if shift.low > limit else ""
    return f"{warning}{change}: cannot rule out {ratio(limit)}"


def _typical(pairs: Sequence[Pair]) -> float:
    """The geometric mean of the baseline's seconds over cases."""
    return float(np.exp(np.mean([np.log(before).mean() for before, _ in pairs])))


def _paired(baseline: Runs, candidate: Runs) -> dict[str, Pair]:
    common = [case for case in baseline if len(baseline[case]) and len(candidate.get(case, ()))]
    pairs = {case: (np.asarray(baseline[case], float), np.asarray(candidate[case], float)) for case in common}
    if not all((runs > 0).all() and np.isfinite(runs).all() for pair in pairs.values() for runs in pair):
        raise ValueError("expected seconds above 0")
    return pairs


def _interleaved(pairs: Sequence[Pair], calibration: Calibration | None, alpha: float) -> _Shift:
    changes = np.array([np.log(c).mean() - np.log(b).mean() for b, c in pairs])
    if calibration:
        changes -= math.log(calibration.candidate_s) - float(np.log(calibration.baseline_s).mean())
    middle, low, high = hodges_lehmann(changes, alpha=alpha)
    return _Shift(middle, low, high, wilcoxon_p(changes))


def _history(pairs: Sequence[Pair], calibration: Calibration | None, alpha: float) -> _Shift:
    """Student's t prediction (R - 1 degrees) for the median log ratio of one session to the R others."""
    if len({len(b) for b, _ in pairs}) > 1:
        raise ValueError("history: expected one run of every case in each session")
    runs = np.array([[*np.log(b), np.log(c).mean()] for b, c in pairs])
    sessions = runs.shape[1] - 1
    if sessions < FEWEST_SESSIONS:
        raise ValueError(f"history: expected {FEWEST_SESSIONS} sessions or more, got {sessions}")
    if calibration:
        runs -= np.log([*calibration.baseline_s, calibration.candidate_s])
    shifts = np.array(
        [np.median(runs[:, j] - np.median(np.delete(runs, j, axis=1), axis=1)) for j in range(sessions + 1)]
    )
    before, now = shifts[:-1], float(shifts[-1])
    error = max(1e-9, float(before.std(ddof=1)) * math.sqrt(1 + 1 / sessions))
    middle = now - float(before.mean())
    reach = t_quantile(1 - alpha, sessions - 1) * error
    return _Shift(middle, middle - reach, middle + reach, t_below(-middle / error, sessions - 1))


def hodges_lehmann(values: Sequence[float] | Floats, *, alpha: float) -> tuple[float, float, float]:
    """The Hodges-Lehmann estimate and its one-sided (1 - alpha) bounds.

    The bounds are those of Wilcoxon's signed-rank test (Hodges and Lehmann 1963).
    """
    sample = np.sort(np.asarray(values, dtype=float))
    if len(sample) > _MOST_PAIRED:
        sample = sample[np.linspace(0, len(sample) - 1, _MOST_PAIRED).astype(int)]
    n = len(sample)
    averages = np.sort(_walsh(sample))
    spread = normal_quantile(1 - alpha) * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    outside = min(max(0, math.floor(n * (n + 1) / 4 - spread)), len(averages) // 2)
    return float(np.median(averages)), float(averages[outside]), float(averages[-1 - outside])


def wilcoxon_p(values: Floats) -> float:
    """One-sided p-value of "above 0" by Wilcoxon's signed-rank test.

    Normal approximation; zeros are left out.
    """
    values = values[values != 0]
    n = len(values)
    if n == 0:
        return 1.0
    sizes, ties = np.unique(np.abs(values), return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[np.searchsorted(sizes, np.abs(values))]
    positive = float(ranks[values > 0].sum())
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((ties**3 - ties).sum()) / 48
    return normal_below(-(positive - n * (n + 1) / 4) / math.sqrt(variance))


def _walsh(sample: Floats) -> Floats:
    """The means of all pairs of values, including each value with itself."""
    first, second = np.triu_indices(len(sample))
    means: Floats = (sample[first] + sample[second]) / 2
    return means

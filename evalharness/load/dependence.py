"""How sure a share of requests is when the requests depend on each other, as those in a queue do.

A slow moment of a server makes many requests late together, so n requests tell less than n independent ones. The
interval of Clopper and Pearson (Biometrika 26, 1934) is taken at the *effective* number of requests n / tau. tau is the
integrated autocorrelation time, 1 + 2 (rho_1 + rho_2 + ...): of the latencies, by their normal scores, and of the
misses, whichever is larger. Latencies show the dependence also where no request missed. tau is estimated twice, and the
larger value counts: by the automatic window of Sokal (Functional Integration, 1997) plus one standard error (Madras and
Sokal, J. Stat. Phys. 50, 1988), and as that of an AR(1) process at the upper 99 % bound of rho_1.

The means of ten consecutive batches, and of one without a miss for safety, can lower the upper bound (Student's t): a
server that falls ever further behind has latencies with no finite tau. They never raise the lower bound: most batches
of a good hour have no miss.
docs/load-table.md has the error rates in simulated queues.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalharness.records.load_result import Interval

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ALPHA = 0.001
"""One-sided error of each bound."""
_BATCHES, _LEAST_IN_BATCH = 10, 5
_WINDOW = 5.0
"""Lags are summed up to this multiple of tau."""
_Z = 2.326
"""The 99 % quantile of the normal distribution."""
_MOST_TIMES = 1e5
_DIGITS = 6
"""Of latencies: the ranks of rounding errors would look dependent."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of requests, as sure as the data allow."""

    interval: Interval
    independent: float
    """The effective number of requests."""


def share_of(surely: Flags, possibly: Flags, latencies: Floats, alpha: float = ALPHA) -> Share:
    """The share of requests that met the bounds, with one-sided bounds at `alpha`.

    One entry a request in the order of the scheduled times; `possibly` differs from `surely` where it is unknown
    whether a request would have met them. `latencies` are seconds, infinite for an error.
    """
    count = len(surely)
    if count == 0:
        return Share(Interval(0.0, 0.0, 1.0), 0.0)
    independent = independent_requests(surely, latencies)
    value, most = float(surely.mean()), float(possibly.mean())
    low, _ = exact_bounds(value, independent, alpha)
    _, high = exact_bounds(most, independent, alpha)
    high = max(most, min(high, _of_batches(possibly, alpha)))
    return Share(Interval(value, low, high), independent)


def independent_requests(met: Flags, latencies: Floats) -> float:
    """The number of independent requests that tell as much as these."""
    count = len(met)
    tau = max(_tau(normal_scores(np.round(latencies, _DIGITS))), _tau(met.astype(float)))
    return max(1.0, count / min(tau, count))


def exact_bounds(share: float, requests: float, alpha: float) -> tuple[float, float]:
    """One-sided bounds of Clopper and Pearson of a share of so many requests, which need not be a whole number."""
    from scipy.special import betaincinv

    met = share * requests
    low = 0.0 if met <= 0 else float(betaincinv(met, requests - met + 1, alpha))
    high = 1.0 if met >= requests else float(betaincinv(met + 1, requests - met, 1 - alpha))
    return low, high


def times_more(share: Interval, independent: float, target: float, alpha: float) -> float | None:
    """How many times as many requests would decide, if they went on like this; None beyond any reasonable number."""

    def decides(times: float) -> bool:
        low, high = exact_bounds(share.value, independent * times, alpha)
        return low >= target or high < target

    return _smallest(decides) if independent > 0 else None


def _smallest(decides: Callable[[float], bool]) -> float | None:
    low, high = 1.0, 2.0
    while not decides(high):
        low, high = high, high * 2
        if high > _MOST_TIMES:
            return None
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def normal_scores(values: Floats) -> Floats:
    """The values by their ranks, as quantiles of the normal distribution; equal values have equal scores."""
    from scipy.special import ndtri

    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    scores: Floats = ndtri(((ends - counts + ends) / 2 / len(values))[places])
    return scores


def _of_batches(met: Flags, alpha: float) -> float:
    """The upper bound by the means of consecutive batches; 1 with too few requests."""
    from scipy.special import stdtrit

    if len(met) < _BATCHES * _LEAST_IN_BATCH:
        return 1.0
    means = np.array([1.0, *(batch.mean() for batch in np.array_split(met.astype(float), _BATCHES))])
    reach = float(stdtrit(_BATCHES, 1 - alpha)) * float(means.std(ddof=1)) / math.sqrt(_BATCHES + 1)
    return float(means.mean()) + reach


def _tau(values: Floats) -> float:
    """The integrated autocorrelation time, estimated on the safe side; 1 for a series without variance."""
    count = len(values)
    centred = values - values.mean()
    if count < 3 or not float(centred @ centred) > 0:
        return 1.0
    rho = _autocorrelation(centred)
    sums = 2 * np.cumsum(rho) - 1
    inside = np.nonzero(np.arange(count) >= _WINDOW * sums)[0]
    window = int(inside[0]) if len(inside) else count - 1
    windowed = max(1.0, float(sums[window])) * (1 + math.sqrt(2 * (2 * window + 1) / count))
    first = float(rho[1])
    first = min(0.9999, first + _Z * math.sqrt(max(1 - first * first, 1 / count) / count))
    return max(1.0, windowed, (1 + first) / (1 - first))


def _autocorrelation(centred: Floats) -> Floats:
    """The autocorrelation at each lag, by the fast Fourier transform."""
    count = len(centred)
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    sums: Floats = np.fft.irfft(spectrum * np.conj(spectrum), size)[:count]
    rho: Floats = sums / sums[0]
    return rho

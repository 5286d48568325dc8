"""The constants behind every verdict.

docs/gate-table.md has their simulated error rates.
"""

from __future__ import annotations

from dataclasses import dataclass

ALPHA = 0.01
"""False alarm rate of all gates of a run together: 1 in 100 unchanged pull requests fails."""
ALPHA_WARN = 0.05
"""An inconclusive gate with a smaller p-value is called suspicious."""
ALPHA_PASS = 0.05
"""Rate at which a suite that lost exactly the margin passes. A run with fresh samples spends it over its looks."""
POPULATION = 0.05
"""A gate fails only if the loss also shows in the test that takes the cases as a sample of cases like these."""
LEAST_LOSS = 0.5
"""Share of the margin that must be lost for a failure."""
SCREEN = 0.20
"""A gate that does not pass the screening stage with a p-value of at most this is suspicious."""
SCREEN_PASS = 0.0125
"""Part of `ALPHA_PASS` that the screening stage spends."""
SETTLE = 5
"""Largest number of samples of a case and version in a run: one planned, the others fresh."""
FEWEST_SESSIONS = 5
"""Accepted runs needed to measure the variance between runs."""
UNMATCHED_SHARE = 0.10
"""With a larger share of new cases, no gate passes."""
OWN_WORDS_SHARE = 0.10
"""With a larger share of golden answers that are the accepted version's own words, each verdict says so."""
QUALITY_MARGIN = 0.05
"""Default margin of a 0..1 score: the smallest that 200 cases with one run, or 50 cases with three, can rule out."""
RATIO_MARGIN = 0.10
"""Default margin of seconds and tokens, as a ratio."""
POWER = 0.8
"""Rate at which the minimum detectable drop is detected."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the fresh samples, and what it spends of the error rates."""

    samples: int
    """Fresh samples of each case and version by then."""
    alpha: float
    """Of the test within cases, where the screening stage was suspicious."""
    alpha_clear: float
    """Of the same test where it was not."""
    population: float
    """Of the test over cases."""
    alpha_pass: float
    """Of the bound."""


LOOKS = (
    Look(1, alpha=0.002, alpha_clear=0.0005, population=0.02, alpha_pass=0.008),
    Look(2, alpha=0.006, alpha_clear=0.001, population=0.03, alpha_pass=0.010),
    Look(4, alpha=0.018, alpha_clear=0.002, population=0.035, alpha_pass=0.034),
    Look(6, alpha=0.002, alpha_clear=0.0005, population=0.035, alpha_pass=0.004),
    Look(8, alpha=0.002, alpha_clear=0.0005, population=0.035, alpha_pass=0.004),
    Look(10, alpha=0.002, alpha_clear=0.0005, population=0.035, alpha_pass=0.004),
)
"""The looks of a run. Those after the third are for repeated runs, which add to the same test.

Two independent stages (Bauer and Köhne 1994): the screening stage compares with the accepted runs, the looks compare
fresh samples of both versions. Group-sequential, with what each look spends fixed in advance (Lan and DeMets 1983).
"""

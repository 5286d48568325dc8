"""Rows H, O and J: stable assertions, and the code against oracles and against its parts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

import gate_data as data
import numpy as np
from gate_data import Floats, Rng
from gate_table import Check, Setting, at_most
from gate_trials import pairs_of, runs_of, seed_of, share

from evalharness.gate.cost import assess_cost, collect_cost_evidence, cost_rules
from evalharness.gate.evidence import Rules
from evalharness.gate.reruns import FAILS, RERUNS
from evalharness.gate.scores import assess_scores, collect_evidence, decide
from evalharness.gate.stats.pairs import Pair
from evalharness.gate.stats.permutation import p_worse


def must_pass_fails(rng: Rng, chances: Sequence[float]) -> bool:
    """Whether any case fails: a broken sample is followed by `RERUNS` more, of which `FAILS` break it too."""
    return any(rng.random() < chance and rng.binomial(RERUNS, chance) >= FAILS for chance in chances)


def h1(at: Setting) -> Iterator[Check]:
    """Stable assertions."""
    suites = at.size(20_000, 2000)
    red = share(at.rng(0), suites, partial(must_pass_fails, chances=[0.02] * 50))
    yield at_most("50 must-pass cases that flake 2 % of the time: FAIL", red, suites, 0.0023, 0.006)
    found = share(at.rng(1), suites, partial(must_pass_fails, chances=[*[0.02] * 49, 1.0]))
    yield Check("one of them is broken: FAIL", found, suites, low=1.0)
    mostly = share(at.rng(2), suites, partial(must_pass_fails, chances=[0.8]))
    yield Check("a case that fails 80 % of the time: FAIL", mostly, suites)


def o1(at: Setting) -> Iterator[Check]:
    """Largest distance from oracles. tests/gate/test_oracles.py has more of them."""
    from scipy import stats

    suites = at.size(500, 50)
    mcnemar, enumerated = [0.0], [0.0]
    rng = at.rng(0)
    for _ in range(suites):
        rates = data.pass_rates(rng, 60)
        b, c = (data.pass_fail(rng, rates, 1) for _ in range(2))
        better, worse = int((c > b).sum()), int((c < b).sum())
        if better + worse:
            oracle = stats.binomtest(better, better + worse, alternative="less").pvalue
            oracle -= stats.binom.pmf(better, better + worse, 0.5) / 2
            mcnemar.append(abs(p_worse(pairs_of(b, c), "") - oracle))
        few = [data.pass_fail(rng, rates[:4], int(rng.integers(1, 4))) for _ in range(2)]
        enumerated.append(abs(p_worse(pairs_of(*few), "") - by_enumeration(pairs_of(*few))))
    yield Check("p of 1/1 runs and McNemar's mid-p, largest distance", max(mcnemar), suites, high=1e-9, unit="")
    yield Check("exact p and all labellings, largest distance", max(enumerated), suites, high=1e-9, unit="")


def by_enumeration(pairs: Sequence[Pair]) -> float:
    """The mid-p by enumeration of all labellings of all cases."""
    if all(np.ptp(np.concatenate(pair)) == 0 for pair in pairs):
        return 1.0

    def changes(b: Floats, c: Floats) -> list[float]:
        pool = np.concatenate([b, c])
        chosen = (list(one) for one in itertools.combinations(range(len(pool)), len(c)))
        return [float(pool[one].mean() - np.delete(pool, one).mean()) for one in chosen]

    observed = sum(float(c.mean() - b.mean()) for b, c in pairs)
    totals = np.array([0.0])
    for b, c in pairs:
        totals = (totals[:, None] + changes(b, c)).ravel()
    return float((totals < observed - 1e-9).mean() + (np.abs(totals - observed) <= 1e-9).mean() / 2)


def j1(at: Setting) -> Iterator[Check]:
    """`assess_scores` and `assess_cost` agree with `collect_evidence` and `decide`."""
    suites, rng = at.size(300, 16), at.rng(0)
    agreed = []
    for number in range(suites):
        n, (kb, kc) = (25, 60, 200)[number % 3], ((1, 1), (5, 1), (3, 3), (7, 3))[number % 4]
        rates = data.pass_rates(rng, n)
        fell = data.fallen(rng, rates, 0.1, "break")
        before, after = data.pass_fail(rng, rates, kb), data.pass_fail(rng, fell, kc)
        seed, rules = seed_of(rng), (Rules(), Rules(target="population"))[number // 4 % 2]
        whole = assess_scores(runs_of(before), runs_of(after), target=rules.target, seed=seed)
        part = collect_evidence(runs_of(before), runs_of(after), rules=rules, seed=seed)
        dear = [runs_of(100.0 * 2 ** (1 - side)) for side in (before, after)]
        tokens = collect_cost_evidence(*dear, rules=cost_rules(0.10), seed=seed)
        agreed += [
            (whole.verdict, whole.p_value) == (decide(part, part.p_value, rules), part.p_value),
            assess_cost(*dear, seed=seed).verdict == decide(tokens, tokens.p_value, cost_rules(0.10)),
        ]
    yield Check("assess_scores and assess_cost agree with their parts", float(np.mean(agreed)), suites, low=1.0)

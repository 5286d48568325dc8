"""Rows A, F and U: nothing is worse, and the gate should not fail."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import gate_data as data
import numpy as np
from gate_data import Floats, Rng
from gate_table import Check, Setting, at_most
from gate_trials import (
    CLUSTERS,
    IDS,
    LOOSE,
    NEARLY_FIXED,
    NOISY,
    below,
    evidence_of,
    p_values,
    pairs_of,
    pass_fail_p,
    runs_of,
    scores_p,
    seed_of,
    verdicts,
)

from evalharness import testing
from evalharness.gate import decide_run
from evalharness.gate.evidence import Rules
from evalharness.gate.rehearsal import World, rehearse
from evalharness.gate.scores import collect_evidence
from evalharness.gate.stats.permutation import holm, p_worse


def a1(at: Setting) -> Iterator[Check]:
    """Pass/fail, p-values."""
    suites = at.size(4000, 80)
    designs = itertools.product((20, 50, 200, 1000), ((1, 1), (5, 1), (3, 3), (5, 5)), (LOOSE, NOISY, NEARLY_FIXED))
    found = [
        p_values(at.rng(cell), suites, partial(pass_fail_p, n=n, kb=kb, kc=kc, of=of))
        for cell, (n, (kb, kc), of) in enumerate(designs)
    ]
    for alpha, page, mean in ((0.05, 0.061, 0.05), (0.01, 0.015, 0.011)):
        rates, label = [below(values, alpha) for values in found], f"pass/fail, p ≤ {alpha:g}"
        yield at_most(f"{label}: worst of {len(found)} cells", max(rates), suites, alpha, page)
        yield Check(f"{label}: mean of the cells", float(np.mean(rates)), suites * len(found), high=mean)


def a2(at: Setting) -> Iterator[Check]:
    """Scores with ties, p-values."""
    suites = at.size(1000, 30)
    designs = enumerate(itertools.product((20, 50, 200), ((1, 1), (3, 3), (5, 1))))
    found = [p_values(at.rng(cell), suites, partial(scores_p, n=n, kb=kb, kc=kc)) for cell, (n, (kb, kc)) in designs]
    for alpha, page in ((0.05, 0.071), (0.01, 0.02)):
        worst = max(below(values, alpha) for values in found)
        yield at_most(f"scores with ties, p ≤ {alpha:g}: worst of {len(found)} cells", worst, suites, alpha, page)


def a3(at: Setting) -> Iterator[Check]:
    """The default procedure."""
    suites = at.size(2000, 40)
    for cell, (n, kb) in enumerate(itertools.product((20, 50, 86, 200), (1, 5))):
        found = verdicts(at.rng(cell), suites, partial(data.unchanged, n=n, kb=kb))
        label = f"unchanged, n = {n}, {kb} accepted"
        yield at_most(f"{label}: FAIL", found.fail, suites, 0.008, 0.01)
        yield Check(f"{label}: PASS", found.passed, suites)
        yield Check(f"{label}: PASS without fresh samples", found.at_once, suites)
        yield Check(f"{label}: runs of a case, both versions", found.runs, suites, unit="")


def a4(at: Setting) -> Iterator[Check]:
    """Clusters that fail together."""
    suites = at.size(4000, 100)
    for cell, flake in enumerate((0.0, 0.03, 0.10)):
        rate = below(p_values(at.rng(cell), suites, partial(clustered_p, flake=flake)), 0.05)
        yield at_most(f"40 clusters of 5, {100 * flake:g} % shared flakes, p ≤ 0.05", rate, suites, 0.05, 0.061)


def clustered_p(rng: Rng, flake: float) -> float:
    """The p-value of an unchanged suite with clusters."""
    rates = data.pass_rates(rng, 200)
    before, after = (runs_of(data.clustered(rng, rates, k, 5, flake)) for k in (5, 1))
    return collect_evidence(before, after, rules=Rules(), seed=seed_of(rng), clusters=CLUSTERS).p_value


def a5(at: Setting) -> Iterator[Check]:
    """Sessions that differ."""
    suites = at.size(1500, 150)
    flips, shifts = partial(data.with_flips, share=0.03), partial(data.with_shifts, deviation=0.017)
    worlds = (("flips 3 % of the cases", 200, flips), ("shifts all by 1.7 pts", 200, shifts))
    for cell, (label, n, generate) in enumerate((*worlds, ("shifts all by 1.7 pts", 1000, shifts))):
        rate = below(p_values(at.rng(cell), suites, partial(sessions_p, n=n, generate=generate)), 0.05)
        yield at_most(f"a session {label}, n = {n}, 5 sessions, p ≤ 0.05", rate, suites, 0.05, 0.07)


def sessions_p(rng: Rng, n: int, generate: Callable[[Rng, Floats, int], Floats]) -> float:
    """The p-value of an unchanged suite with a baseline of five sessions."""
    rates = data.pass_rates(rng, n)
    return evidence_of(generate(rng, rates, 5), generate(rng, rates, 1), Rules(), sessions=True).p_value


def a6(at: Setting) -> Iterator[Check]:
    """An unlucky baseline."""
    baselines, candidates = (8, 40) if at.ci else (200, 200)
    failed = []
    for cell in range(baselines):
        rng = at.rng(cell)
        world = data.unchanged(rng, 200, 5)
        failed.append(sum(rehearse(world).verdict == "FAIL" for _ in range(candidates)) / candidates)
    label = f"default procedure, n = 200, {baselines} baselines x {candidates} candidates: 95th percentile of FAIL"
    high = 0.05 + at.slack(0.05, candidates)
    yield Check(label, float(np.percentile(failed, 95)), baselines * candidates, high=high)


def a7(at: Setting) -> Iterator[Check]:
    """A family of gates."""
    suites, rng = at.size(3000, 100), at.rng(0)
    every, split = [], []
    for _ in range(suites):
        rates = data.pass_rates(rng, 200)
        before, after = data.correlated(rng, rates, 5, 4), data.correlated(rng, rates, 1, 4)
        overall = [p_worse(pairs_of(b, c), "") for b, c in zip(before, after, strict=True)]
        slices = [p_worse(pairs_of(b[i::6], c[i::6]), "") for b, c in zip(before, after, strict=True) for i in range(6)]
        every.append(min(holm([*overall, *slices])) <= 0.05)
        split.append(min(holm(overall)) <= 0.04 or min(holm(slices)) <= 0.01)
    label = "4 correlated metrics and 24 slices, alpha 5 %, FAIL of any"
    yield at_most(f"{label}: Holm over all 28", float(np.mean(every)), suites, 0.05, 0.062)
    yield at_most(f"{label}: 80 % of alpha for metrics, 20 % for slices", float(np.mean(split)), suites, 0.05, 0.062)


def f2(at: Setting) -> Iterator[Check]:
    """Worlds in which the accepted runs are not like those of today."""
    suites = at.size(2000, 25)
    worlds: dict[str, tuple[Callable[[Rng], World], float]] = {
        **{
            f"both versions {100 * loss:g} % worse from the second round on": (partial(data.drifting, loss=loss), 0.016)
            for loss in (0.05, 0.1, 0.2)
        },
        **{
            f"sessions, deviation {100 * sd:g} pts": (partial(data.in_sessions, deviation=sd), 0.016)
            for sd in (0.017, 0.03, 0.05)
        },
        **{
            f"accepted in one session, deviation {100 * sd:g} pts": (
                partial(data.in_sessions, deviation=sd, one_day=True),
                0.016,
            )
            for sd in (0.017, 0.03)
        },
        "accepted only if not lower": (data.chosen, 0.02),
        **{f"storms lose {100 * lost:g} %": (partial(data.stormy, lost=lost), 0.016) for lost in (0.1, 0.2)},
        **{
            f"another backend, {100 * s:g} % differ": (partial(data.other_backend, share=s), 0.016)
            for s in (0.07, 0.13)
        },
    }
    for cell, (label, (world, page)) in enumerate(worlds.items()):
        found = verdicts(at.rng(cell), suites, partial(world, n=200, kb=5))
        yield at_most(f"{label}, n = 200: FAIL", found.fail, suites, 0.008, page)


def f3(at: Setting) -> Iterator[Check]:
    """Innocent edits: cases move by their own amounts, the mean stays."""
    suites = at.size(2000, 25)
    designs = itertools.product((50, 86, 200), (0.07, 0.13))
    for cell, (n, share) in enumerate(designs):
        for number, (label, world) in enumerate(
            (("remote at temperature 0", data.edited), ("sampled", data.edited_sampled))
        ):
            made = partial(world, n=n, kb=5, share=share if number == 0 else 2 * share)
            found = verdicts(at.rng(10 * cell + number), suites, made)
            yield at_most(f"innocent edit, {label}, {100 * share:g} %, n = {n}: FAIL", found.fail, suites, 0.03, 0.05)


def f4(at: Setting) -> Iterator[Check]:
    """The same where the old version cannot run."""
    suites = at.size(1000, 25)
    for cell, (n, share) in enumerate(itertools.product((50, 86, 200), (0.07, 0.13))):
        found = verdicts(at.rng(cell), suites, partial(data.edited, n=n, kb=5, share=share), beside=False)
        label = f"innocent edit, old version cannot run, {100 * share:g} %, n = {n}"
        yield at_most(f"{label}: FAIL", found.fail, suites, 0.05, 0.08)


def u1(at: Setting) -> Iterator[Check]:
    """Answers that are byte for byte accepted ones pass, whatever their scores and their number."""
    sizes = range(1, 41 if at.ci else 401)
    passed = [unchanged_passes(at.rng(n), n) for n in sizes]
    yield Check(f"answers equal to accepted ones, n = 1 to {len(sizes)}: PASS", float(np.mean(passed)), len(sizes), 1.0)


def unchanged_passes(rng: Rng, n: int) -> bool:
    """Whether the gate on n equal answers passes as unchanged."""
    samples = [testing.sample(case, scores={"chrf": float(rng.random())}) for case in IDS[:n]]
    run = testing.run(samples, gates={"chrf": 0.05})
    known = {(samples[0].key.model, samples[0].key.prompt): testing.baseline(run)}
    (verdict,) = decide_run(run, known, accept_command="")
    return verdict.status == "pass" and verdict.reason.startswith("unchanged")

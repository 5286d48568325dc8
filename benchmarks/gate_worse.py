"""Rows P, S and W: a suite, a tag or a part of the cases is worse, and the gate should say so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import gate_data as data
import numpy as np
from gate_data import Rng
from gate_table import Check, Setting, at_least, at_most
from gate_trials import (
    IDS,
    NEARLY_FIXED,
    NOISY,
    STABLE,
    below,
    p_values,
    pass_fail_p,
    rehearse_together,
    runs_of,
    scores_p,
    seed_of,
    verdicts,
)

from evalharness.gate.rehearsal import rehearse
from evalharness.gate.slices import slices_of, worst_of


def p1(at: Setting) -> Iterator[Check]:
    """Diffuse loss."""
    suites = at.size(2000, 400)
    found = p_values(at.rng(0), suites, partial(pass_fail_p, n=200, kb=5, kc=1, of=NOISY, drop=0.05))
    for alpha, page in ((0.05, 0.69), (0.01, 0.46)):
        yield at_least(at, f"n = 200, 5/1 runs, 5 pts diffuse, p ≤ {alpha:g}", below(found, alpha), suites, page)


def p2(at: Setting) -> Iterator[Check]:
    """Breakage of a nearly deterministic suite."""
    suites = at.size(3000, 400)
    for cell, (kb, kc, page) in enumerate(((5, 1, 0.62), (5, 5, 0.85))):
        trial = partial(pass_fail_p, n=50, kb=kb, kc=kc, of=NEARLY_FIXED, shape="break", drop=0.05)
        found = below(p_values(at.rng(cell), suites, trial), 0.05)
        yield at_least(at, f"n = 50, mean .95, ICC .9, {kb}/{kc} runs, 5 pts break, p ≤ 0.05", found, suites, page)


def p3(at: Setting) -> Iterator[Check]:
    """The default procedure."""
    suites = at.size(2000, 50)
    designs = ((200, 0.05, "diffuse", 0.82), (200, 0.05, "break", 0.84), (86, 0.10, "diffuse", 0.9))
    for cell, (n, drop, shape, page) in enumerate(designs):
        found = verdicts(at.rng(cell), suites, partial(data.worse, n=n, kb=5, drop=drop, shape=shape))
        label = f"default procedure, n = {n}, {100 * drop:g} pts {shape}"
        yield at_least(at, f"{label}: FAIL", found.fail, suites, page)
        yield at_most(f"{label}: false PASS", found.passed, suites, 0.05, 0.055)


def p4(at: Setting) -> Iterator[Check]:
    """Scores."""
    suites = at.size(1000, 60)
    found = below(p_values(at.rng(0), suites, partial(scores_p, n=50, kb=3, kc=3, drop=0.05)), 0.05)
    yield at_least(at, "n = 50 scores, 3/3 runs, 5 pts, p ≤ 0.05", found, suites, 0.80)


def p5(at: Setting) -> Iterator[Check]:
    """One of several gates has lost 5 points."""
    suites = at.size(1000, 12)
    for cell, (gates, page) in enumerate(((4, 0.75), (16, 0.62))):
        rng, lost, unchanged = at.rng(cell), 0, 0
        for _ in range(suites):
            others = (data.unchanged(rng, 200, 5) for _ in range(gates - 1))
            together = rehearse_together([data.worse(rng, 200, 5, 0.05, "diffuse"), *others])
            words = [one.verdict for one in together]
            lost += words[0] == "FAIL"
            unchanged += "FAIL" in words[1:]
        label = f"n = 200, 5 pts diffuse in one of {gates} gates"
        yield at_least(at, f"{label}: FAIL of it", lost / suites, suites, page)
        yield at_most(f"{label}: FAIL of another", unchanged / suites, suites, 0.01, 0.016)


def p6(at: Setting) -> Iterator[Check]:
    """What fifty cases detect."""
    suites = at.size(2000, 60)
    for cell, (kb, drop, page) in enumerate(((1, 0.10, 0.76), (5, 0.10, 0.76), (5, 0.05, 0.0))):
        found = verdicts(at.rng(cell), suites, partial(data.worse, n=50, kb=kb, drop=drop, shape="diffuse"))
        label = f"default procedure, n = 50, {kb} accepted, {100 * drop:g} pts diffuse: FAIL"
        yield at_least(at, label, found.fail, suites, page)
    for cell, (kb, drop) in enumerate(((1, 0.25), (5, 0.16))):
        trial = partial(pass_fail_p, n=50, kb=kb, kc=1, of=NOISY, drop=drop)
        found_p = below(p_values(at.rng(10 + cell), suites, trial), 0.01)
        label = f"without fresh samples, n = 50, {kb}/1 runs, {100 * drop:g} pts diffuse, p ≤ 0.01"
        yield at_least(at, label, found_p, suites, 0.74)


def s1(at: Setting) -> Iterator[Check]:
    """One tag fails completely, and each verdict names it."""
    suites = at.size(1000, 20)
    designs = itertools.product(((86, 8), (200, 8), (200, 20))[: 1 if at.ci else 3], (1, 5), (STABLE, NOISY))
    for cell, ((n, tagged), kb, of) in enumerate(designs):
        rng = at.rng(cell)
        found = [tag_is_named(rng, n, kb, tagged, of) for _ in range(suites)]
        label = f"a tag of {tagged} of {n} cases fails completely, {kb} accepted, mean {of[0]:g}: named"
        weak = kb == 1 and of == NOISY  # a run in which several of the eight cases fail cannot show that they fail now
        yield at_least(at, label, float(np.mean(found)), suites, 0.95 if weak else 0.99)
    rng = at.rng(100)
    found = [tag_is_named(rng, 200, 5, 0, NOISY) for _ in range(suites)]
    yield at_most("no tag of 200 cases has changed: any named", float(np.mean(found)), suites, 0.01)


def tag_is_named(rng: Rng, n: int, kb: int, tagged: int, of: tuple[float, float]) -> bool:
    """Whether the verdict names the tag that fails; any tag if none does."""
    ended = rehearse(data.with_tag(rng, n, kb, tagged, of=of), seed=seed_of(rng))
    size = tagged or 20
    tags = {case: (f"tag-{number // size}",) for number, case in enumerate(IDS[:n])}
    before, after = (runs_of(side) for side in ended.every)
    reason = worst_of(slices_of(before, after, tags, seed=seed_of(rng)))
    return "tag-0 " in reason if tagged else bool(reason)


def w1(at: Setting) -> Iterator[Check]:
    """Golden answers that are the accepted version's own words."""
    suites = at.size(2000, 25)
    for cell, share in enumerate((0.1, 0.2, 0.4)):
        label = f"{100 * share:g} % own words, equal quality, n = 86"
        found = verdicts(at.rng(cell), suites, partial(data.own_words, n=86, kb=5, share=share))
        yield at_most(f"{label}: FAIL", found.fail, suites, 0.008, 0.01)
        blind = verdicts(at.rng(cell), suites, partial(data.own_words, n=86, kb=5, share=share, known=False))
        yield Check(f"{label}, origin unknown: FAIL", blind.fail, suites)
    found = verdicts(at.rng(3), suites, partial(data.own_words, n=86, kb=5, share=0.2, drop=0.1))
    yield at_least(at, "20 % own words, 10 pts lost in the other 69 cases: FAIL", found.fail, suites, 0.85)

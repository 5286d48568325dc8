"""Rows N: how often changed and unchanged suites pass."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial

import gate_data as data
import numpy as np
import real_answers as real
from gate_data import Rng, Shape
from gate_table import Check, Setting, at_least, at_most
from gate_trials import ALWAYS, NOISY, SHAPES, STABLE, rehearse_together, share, verdict_of, verdicts

from evalharness.gate.evidence import Rules


def passes(rng: Rng, n: int, kb: int, kc: int, of: tuple[float, float], shape: Shape | None = None) -> bool:
    """Whether a suite that lost exactly 5 points, or nothing, passes."""
    rates = data.pass_rates(rng, n, *of)
    after = data.fallen_exactly(rng, rates, 0.05, shape) if shape else rates
    return verdict_of(data.pass_fail(rng, rates, kb), data.pass_fail(rng, after, kc), Rules()) == "PASS"


def false_passes(at: Setting, of: tuple[float, float], suites: int, first_cell: int) -> tuple[list[float], list[float]]:
    """The shares of false passes: in cells with enough runs to pass, and in the other cells."""
    layouts = ((1, 1), (5, 1), (3, 3), (5, 5), (5, 3))
    enough, too_few = list[float](), list[float]()
    for cell, (n, (kb, kc), shape) in enumerate(itertools.product((20, 50, 100, 200), layouts, SHAPES)):
        passed = share(at.rng(first_cell + cell), suites, partial(passes, n=n, kb=kb, kc=kc, of=of, shape=shape))
        (enough if n * kc >= 59 else too_few).append(passed)
    return enough, too_few


def n1(at: Setting) -> Iterator[Check]:
    """False passes."""
    suites = at.size(4000, 50)
    enough, too_few = false_passes(at, NOISY, suites, 0)
    label = "false PASS at exactly 5 pts"
    yield at_most(f"{label}: worst of {len(enough)} cells", max(enough), suites, 0.05, 0.075)
    yield Check(f"{label}, fewer than 59 runs: worst of {len(too_few)} cells", max(too_few), suites, high=0.0)
    fewer = at.size(2000, 10)
    stable, _ = false_passes(at, STABLE, fewer, 100)
    yield Check(f"{label}, stable suites: worst of {len(stable)} cells", max(stable), fewer)


def n2(at: Setting) -> Iterator[Check]:
    """Passes of unchanged suites."""
    suites = at.size(40_000, 200)  # the third design is close to its bound and needs many
    designs = ((200, 3, 3, NOISY, 0.92), (50, 5, 5, NOISY, 0.67), (50, 3, 3, STABLE, 0.93))
    for cell, (n, kb, kc, of, page) in enumerate(designs):
        passed = share(at.rng(cell), suites, partial(passes, n=n, kb=kb, kc=kc, of=of))
        name = "noisy" if of == NOISY else "stable"
        yield at_least(at, f"PASS without a change: n = {n}, {kb}/{kc} runs, {name}", passed, suites, page)


def n3(at: Setting) -> Iterator[Check]:
    """False passes at every size, and through all looks."""
    suites, sizes = at.size(400, 10), range(20, 401, 40 if at.ci else 4)
    for cell, (kb, kc) in enumerate(((1, 1), (5, 1), (5, 2), (5, 5))):
        found = [
            share(at.rng(1000 * cell + n), suites, partial(passes, n=n, kb=kb, kc=kc, of=of, shape="diffuse"))
            for n in sizes
            for of in (STABLE, ALWAYS)
        ]
        label = f"false PASS at exactly 5 pts, {kb}/{kc} runs, {len(found)} cells from n = 20 to 400"
        yield at_most(f"{label}: mean", float(np.mean(found)), suites * len(found), 0.05)
        yield Check(f"{label}: worst", max(found), suites, high=0.05 + 4.5 * math.sqrt(0.05 * 0.95 / suites))
    for cell, n in enumerate((50, 86, 132, 200)):
        made = partial(data.worse, n=n, kb=5, drop=0.05, shape="diffuse", of=ALWAYS)
        found_all = verdicts(at.rng(9000 + cell), at.size(2000, 40), made, looks=6)
        label = f"false PASS at exactly 5 pts, all stages and 6 looks, n = {n}"
        yield at_most(label, found_all.passed, at.size(2000, 40), 0.05, 0.055)


def n4(at: Setting) -> Iterator[Check]:
    """Real answers: the support suite's gates on scores, sampled at temperature 0.7."""
    suites = at.size(1000, 10)
    for cell, (model, kb) in enumerate(itertools.product(("smollm2",), (1, 5))):
        same = (model, real.UNCHANGED)
        label = f"{model} at temperature 0.7, 86 cases, {kb} accepted, unchanged"
        passed, failed, runs = real_verdicts(at.rng(cell), suites, same, same, kb=kb)
        # one run on each side and four fresh ones are too few for rouge_l, whatever the looks are
        yield at_least(at, f"{label}: PASS", passed, suites, 0.90 if kb > 1 else 0.75)
        yield at_most(f"{label}: FAIL", failed, suites, 0.01)
        yield Check(f"{label}: runs of a case of this version", runs, suites, high=5.0, unit="")
    for cell, (before, after) in enumerate(CHANGES):
        sizes = ", ".join(f"{metric} {100 * change:+.1f} pts" for metric, change in real.size(before, after).items())
        label = f"{before[0]}: {' '.join(after)} instead ({sizes})"
        passed, failed, _ = real_verdicts(at.rng(100 + cell), suites, before, after, kb=5)
        yield Check(f"{label}: FAIL", failed, suites)
        yield Check(f"{label}: PASS", passed, suites)


CHANGES = [(("smollm2", real.UNCHANGED), after) for after in real.ANSWERS if after != ("smollm2", real.UNCHANGED)]
"""Before and after, by model and prompt."""


def real_verdicts(
    rng: Rng, suites: int, before: tuple[str, str], after: tuple[str, str], *, kb: int
) -> tuple[float, float, float]:
    """The shares of PASS and FAIL, and the mean number of samples of a case of this version."""
    passed, failed, samples = 0, 0, 0.0
    for _ in range(suites):
        worlds = real.worlds(rng, before, after, kb=kb, same_model=before[0] == after[0])
        gates = rehearse_together(worlds)
        words = {one.verdict for one in gates}
        passed += words == {"PASS"}
        failed += "FAIL" in words
        samples += max(one.every[1].shape[1] for one in gates)
    return passed / suites, failed / suites, samples / suites

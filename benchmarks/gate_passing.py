"""Rows N: how often changed and unchanged suites pass."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import gate_data as data
import numpy as np
import real_answers as real
from gate_data import Rng, Shape
from gate_table import Check, Setting, at_least, at_most
from gate_trials import ALWAYS, NOISY, SHAPES, STABLE, rehearse_together, share, verdict_of, verdicts

from evalharness.gate.evidence import Rules, Word
from evalharness.gate.rehearsal import Rehearsal
from evalharness.gate.scores import conclude
from evalharness.gate.staged import last_look
from evalharness.gate.stats.bounds import few_failures
from evalharness.gate.stats.distributions import binomial_below


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


def n5(at: Setting) -> Iterator[Check]:
    """A suite that always passed, and of which each answer now fails at a rate of 5 %: exact at every size."""
    sizes = range(20, 401, 40 if at.ci else 1)
    for kb in (1, 5):
        rates = [_rate_of(_most_failures(n, lambda n, failed, kb=kb: _passes(n, failed, kb)), n) for n in sizes]
        label = f"false PASS at exactly 5 pts, {kb}/1 runs, always passed: worst of {len(rates)} sizes, exact"
        yield Check(label, max(rates), len(rates), high=0.05)
    runs = sorted({n * kc for n in sizes for kc in (2, 3, 5)})
    rates = [_rate_of(_most_failures(n, lambda n, failed: few_failures(failed, n, 0.05, 0.05)), n) for n in runs]
    label = f"the same for 2, 3 and 5 runs, any accepted ones: at most, worst of {len(rates)} numbers of runs, exact"
    yield Check(label, max(rates), len(rates), high=0.05)


def _passes(n: int, failed: int, kb: int) -> bool:
    after = (np.arange(n) >= failed).astype(float)[:, None]
    return verdict_of(np.ones((n, kb)), after, Rules()) == "PASS"


def _most_failures(runs: int, passes: Callable[[int, int], bool]) -> int:
    """The largest number of failures with which a run still passes; -1 if none."""
    return bisect_left(range(runs + 1), True, key=lambda failed: not passes(runs, failed)) - 1


def _rate_of(most: int, runs: int) -> float:
    """P(Binomial(`runs`, 5 %) <= `most`)."""
    return binomial_below(most, runs, 0.05) if most >= 0 else 0.0


def n4(at: Setting) -> Iterator[Check]:
    """Real answers: the support suite's gates on scores, sampled at temperature 0.7."""
    for cell, (model, kb) in enumerate(UNCHANGED):
        yield from unchanged(at, cell, model, kb)
    for cell, (model, prompt) in enumerate(CHANGES):
        yield from changed(at, 100 + cell, model, prompt)


def unchanged(at: Setting, cell: int, model: str, kb: int) -> Iterator[Check]:
    """Lines of a model whose prompt and weights are those of its accepted runs."""
    suites, same = at.size(1000, 10), (model, real.UNCHANGED)
    label = f"{model} at temperature 0.7, 86 cases, {kb} accepted, unchanged"
    found = [real_run(rng, same, same, kb=kb) for rng in at.rng(cell).spawn(suites)]
    # one run on each side and four fresh ones are too few for rouge_l, whatever the looks are
    yield at_least(at, f"{label}: PASS", share_of(found, "PASS"), suites, 0.90 if kb > 1 else 0.75)
    yield at_most(f"{label}: FAIL", share_of(found, "FAIL"), suites, 0.01)
    samples = float(np.mean([one.samples for one in found]))
    yield Check(f"{label}: runs of a case of this version", samples, suites, high=5.0, unit="")


def changed(at: Setting, cell: int, model: str, prompt: str) -> Iterator[Check]:
    """Lines of a change, with its true size and, where it is not decided, the number of cases that would decide."""
    suites, before, after = at.size(1000, 10), (model.partition("-")[0], real.UNCHANGED), (model, prompt)
    change = "its Q2_K file" if before[0] != model else f"the prompt without {LOST[prompt]}"
    sizes = ", ".join(f"{metric} {100 * points:+.1f} pts" for metric, points in real.size(before, after).items())
    found = [real_run(rng, before, after, kb=5) for rng in at.rng(cell).spawn(suites)]
    yield Check(f"{before[0]}: {change} ({sizes}): FAIL", share_of(found, "FAIL"), suites)
    yield Check(f"{before[0]}: {change}: PASS", share_of(found, "PASS"), suites)
    if needed := [one.needed for one in found if one.needed]:
        label = f"{before[0]}: {change}: more cases that would settle an INCONCLUSIVE, median"
        yield Check(label, float(np.median(needed)), len(needed), unit="")


UNCHANGED = [(model, kb) for model in ("smollm2", "gemma") for kb in (1, 5)]
"""Model and number of accepted runs."""
CHANGES = [one for one in real.stored() if one not in (("smollm2", real.UNCHANGED), ("gemma", real.UNCHANGED))]
"""Model and prompt after a change. Before it: the unchanged prompt, and the model's own file."""
LOST = {"two-examples": "two of its four examples", "no-system": "its system message"}


@dataclass(frozen=True, slots=True)
class RealRun:
    """What the gates of the suite end with in one rehearsal."""

    verdict: Word
    samples: int
    """Of each case, of the version under test."""
    needed: int | None
    """More cases that would settle an INCONCLUSIVE; None for another verdict, or if none would."""


def share_of(found: Sequence[RealRun], verdict: Word) -> float:
    """The share of the runs that end with a verdict."""
    return sum(one.verdict == verdict for one in found) / len(found)


def real_run(rng: Rng, before: tuple[str, str], after: tuple[str, str], *, kb: int) -> RealRun:
    """One rehearsal of all gates on real answers."""
    gates = rehearse_together(real.worlds(rng, before, after, kb=kb, same_model=before[0] == after[0]))
    words = {one.verdict for one in gates}
    verdict: Word = "FAIL" if "FAIL" in words else "INCONCLUSIVE" if "INCONCLUSIVE" in words else "PASS"
    needed = [more for one in gates if (more := cases_needed(one)) is not None] if verdict == "INCONCLUSIVE" else []
    samples = max(one.every[1].shape[1] for one in gates)
    return RealRun(verdict, samples, max(needed, default=None))


def cases_needed(gate: Rehearsal) -> int | None:
    """What the reason of an INCONCLUSIVE gate names: the number of more cases that would settle it."""
    evidence, p_value, rules = last_look(gate.found, gate.rules, "screen")
    return conclude(evidence, p_value, rules, seed=gate.seed, gates=2).needed_cases

"""How often a gate with a judge's verdicts and labels of people is right: rows for docs/judges-table.md.

    python benchmarks/judges.py                 every row: a good minute of one core
    python benchmarks/judges.py --write FILE    write the table to a file too

Simulated suites of 400 cases, of which about 45 % have another answer after a change. People call an answer good or
not; the judge says so too, right for 90 % of the good ones and 80 % of the others. 40 or 80 changed cases, chosen at
random, have labels of people for both answers. `judge_worlds.py` has these worlds and the others.

All rows but K0 decide by `gate.judged_evidence.decided`, which is what a gate on a model without fresh samples calls.
K0 gives the same suites to `decide_run`, as runs, baselines and labels, and counts the equal verdicts.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
from gate_table import SEED, Check, Setting, at_most, three_errors
from judge_fresh import USUAL, with_fresh, with_own_scores, word_of
from judge_table import HEAD, LINE, MISSED, Alarms, line, page
from judge_worlds import METRIC, Instrument, Rng, Suite, World, edited_again

from evalharness.gate import decide_run
from evalharness.gate.defaults import ALPHA, ALPHA_PASS, QUALITY_MARGIN
from evalharness.gate.evidence import STATUS, Word
from evalharness.gate.judge_error import judge_error
from evalharness.gate.judged_evidence import JudgedEvidence, labels_needed, more_to_pass
from evalharness.gate.labelled_changes import FEWEST
from evalharness.gate.stats.more_labels import Moments, forecast, moments_of

LIKES_NEW = World(judge=Instrument(others_new=0.6))
REPLACED = World(judge=Instrument(0.7, 0.6))
TALKS, WARM = World(turns=4), World(changed=0.95)
MISTAKEN, SKEWED = World(mistaken=0.05), World(good=0.95)
USELESS = World(judge=Instrument(0.8, 0.2))
HIGHEST, CAUGHT, CAUGHT_BY_FEW, FALSE_PASS = 0.016, 0.85, 0.55, 0.056
WITHIN = 0.25


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of suites."""

    failed: float
    passed: float
    suites: int


def words(rng: Rng, suites: int, draw: Callable[[Rng], Suite], word: Callable[[Suite], Word]) -> Rates:
    """How many of so many suites fail and pass."""
    found = [word(draw(rng)) for _ in range(suites)]
    return Rates(found.count("FAIL") / suites, found.count("PASS") / suites, suites)


def rates(at: Setting, cell: int, world: World, full: int, word: Callable[[Suite], Word] = word_of) -> Rates:
    """The rates in a world."""
    return words(at.rng(cell), at.size(full, full // 20), world.draw, word)


def false_alarms(at: Setting, name: str, found: Rates) -> Check:
    """The rate of failures without a loss."""
    if at.ci:
        return at_most(f"{name}: FAIL", found.failed, found.suites, ALPHA, HIGHEST)
    return Alarms(f"{name}: FAIL", found.failed, found.suites, high=HIGHEST)


def caught(at: Setting, name: str, found: Rates, least: float = -math.inf) -> Check:
    """The rate of failures after a loss."""
    slack = three_errors(least, found.suites) if at.ci and least > 0 else 0.0
    return Check(f"{name}: FAIL", found.failed, found.suites, low=least - slack)


def unchanged(at: Setting) -> Iterator[Check]:
    """K1: no change of quality."""
    worlds = (
        ("", USUAL),
        (", the judge likes the new style", LIKES_NEW),
        (", a worse judge took its place and judged both versions", REPLACED),
    )
    for cell, (name, world) in enumerate(worlds):
        for labels in (40, 80):
            found = rates(at, 10 * cell + labels, replace(world, labels=labels), 6000)
            yield false_alarms(at, f"unchanged{name}, {labels} labels", found)
            yield Check(f"unchanged{name}, {labels} labels: PASS", found.passed, found.suites)


def worse(at: Setting) -> Iterator[Check]:
    """K2: ten points lost."""
    for cell, (labels, least) in enumerate(((40, CAUGHT_BY_FEW), (80, CAUGHT))):
        lost = replace(USUAL, drop=0.1, labels=labels)
        yield caught(at, f"10 pts lost, {labels} labels", rates(at, cell, lost, 3000), least)
        liked = replace(LIKES_NEW, drop=0.1, labels=labels)
        name = f"10 pts lost, the judge likes the new style, {labels} labels"
        yield caught(at, name, rates(at, 10 + cell, liked, 3000))
    both = rates(at, 20, replace(USUAL, drop=0.1), 600, with_own_scores)
    yield caught(at, "10 pts lost, 80 labels, if the judge's scores alone had to show it too", both)


def at_margin(at: Setting) -> Iterator[Check]:
    """K3: exactly the margin lost."""
    for cell, (name, world) in enumerate((("", USUAL), (", the judge likes the new style", LIKES_NEW))):
        for labels in (40, 80):
            found = rates(at, 10 * cell + labels, replace(world, drop=QUALITY_MARGIN, labels=labels), 3000)
            high = FALSE_PASS + (three_errors(ALPHA_PASS, found.suites) if at.ci else 0.0)
            yield Check(f"5 pts lost{name}, {labels} labels: false PASS", found.passed, found.suites, high=high)


def more_labels(at: Setting) -> Iterator[Check]:
    """K4: what the gate says about missing labels, in suites without a change that are not decided yet."""
    true = _true_moments()
    for labels in (40, 60, 80):
        rng, world = at.rng(labels), replace(USUAL, labels=labels)
        undecided = [one for _ in range(at.size(3000, 150)) if word_of(one := world.draw(rng)) == "INCONCLUSIVE"]
        near = [_is_near(evidence, true) for suite in undecided if (evidence := suite.evidence)]
        least = 0.8 - (three_errors(0.8, len(near)) if at.ci else 0.0) if labels > 40 else -math.inf
        name = f"unchanged, undecided with {labels} labels: said number in all within 25 % of the true one"
        yield Check(name, fmean(near), len(near), low=least)
        later = [_later(suite) for suite in undecided]
        said = [word for word in later if word is not None]
        name = f"unchanged, undecided with {labels} labels, and as many more as said: PASS"
        yield Check(name, said.count("PASS") / len(said), len(said))


def _later(suite: Suite) -> Word | None:
    """The verdict with as many more labels as the gate says; None where it says that labels cannot decide."""
    evidence = suite.evidence
    more = labels_needed(evidence) if evidence else None
    return None if more is None else word_of(replace(suite, labels=suite.labels + more))


def _is_near(evidence: JudgedEvidence, true: Moments) -> bool:
    """Whether the number of labels in all is within 25 % of that by the true variances; all, where all are too few."""
    changes = evidence.changes
    needed, said = (
        changes.labelled + (more_to_pass(found, evidence) or len(changes.judged.others))
        for moments in (true, moments_of(changes.judged))
        for found in [forecast(changes.judged, moments, share=changes.share, middle=evidence.change.failing.middle)]
    )
    return abs(said - needed) <= WITHIN * needed


def _true_moments() -> Moments:
    """Those of a very large suite."""
    suite = replace(USUAL, cases=10**6).draw(np.random.default_rng(SEED))
    people, judge = suite.people_after - suite.people_before, suite.judge_after - suite.judge_before
    return Moments(float(people.var()), float(judge.var()), float(np.cov(people, judge)[0, 1]))


def other_worlds(at: Setting) -> Iterator[Check]:
    """K5: dependent cases, answers that nearly all change, mistaken labels, one class, and the fewest labels."""
    worlds = (
        ("conversations of 4 turns", TALKS),
        ("95 % of answers changed (temperature)", WARM),
        ("5 % of the labels wrong", MISTAKEN),
        ("95 % of answers good", SKEWED),
    )
    for cell, (name, world) in enumerate(worlds):
        yield false_alarms(at, f"unchanged, {name}, 80 labels", rates(at, cell, world, 3000))
        yield caught(at, f"10 pts lost, {name}, 80 labels", rates(at, 10 + cell, replace(world, drop=0.1), 1000))
        found = rates(at, 20 + cell, replace(world, drop=QUALITY_MARGIN), 1000)
        yield Check(f"5 pts lost, {name}, 80 labels: false PASS", found.passed, found.suites)
    for cell, labels in enumerate((FEWEST, 2 * FEWEST)):
        yield false_alarms(at, f"unchanged, {labels} labels", rates(at, 30 + cell, replace(USUAL, labels=labels), 3000))


def selected(at: Setting) -> Iterator[Check]:
    """K8: labels of the answers of a first edit, and a second edit that loses 10 points."""
    first, second = replace(USUAL, changed=0.225), replace(USUAL, changed=0.225, drop=0.1)
    rng, suites = at.rng(0), at.size(3000, 150)
    found = [edited_again(rng, first, second) for _ in range(suites)]
    decides = [suite for suite in found if suite.changes.corrected is not None]
    name = "labels from before a second edit that loses 10 pts"
    yield Check(f"{name}: they do not decide", 1 - len(decides) / suites, suites)
    passed = sum(word_of(suite) == "PASS" for suite in decides) / suites
    yield Check(f"{name}: PASS by labels", passed, suites)
    drawn = [USUAL.draw(rng).changes.is_random for _ in range(suites)]
    yield Check("a random sample is taken for selected", 1 - fmean(drawn), suites, high=0.005)


def floors(at: Setting) -> Iterator[Check]:
    """K6: a judge that guesses."""
    for labels in (40, 80):
        rng, suites = at.rng(labels), at.size(1000, 100)
        found = [
            (_is_advisory(suite), word_of(suite))
            for suite in (replace(USELESS, labels=labels).draw(rng) for _ in range(suites))
        ]
        low = 0.95 - (three_errors(0.95, suites) if at.ci else 0.0)
        yield Check(f"a judge that guesses, {labels} labels: advisory", fmean(one for one, _ in found), suites, low=low)
        failed = sum(word == "FAIL" and not advisory for advisory, word in found) / suites
        yield Check(f"a judge that guesses, {labels} labels: FAIL", failed, suites, high=HIGHEST)


def _is_advisory(suite: Suite) -> bool:
    known = suite.labels_and_judge
    judge = known.calibrations[METRIC]
    error = judge_error(known.labels, judge, judge.signature)
    return error is None or not error.calibrated


def endpoint(at: Setting) -> Iterator[Check]:
    """K7: an endpoint, with fresh samples of both versions where the labels show a loss."""
    drifted = partial(with_fresh, np.random.default_rng([SEED, at.scenario, 99]), lost=False)
    lost = partial(with_fresh, np.random.default_rng([SEED, at.scenario, 98]), lost=True)
    world = replace(USUAL, drop=0.1)
    yield false_alarms(at, "both versions 10 pts worse today, 80 labels", rates(at, 0, world, 3000, drifted))
    yield caught(at, "10 pts lost at an endpoint, 80 labels", rates(at, 1, world, 600, lost))


def same_as_runs(at: Setting) -> Iterator[Check]:
    """K0: the verdicts here are those of `decide_run`."""
    rng, suites = at.rng(0), at.size(100, 6)
    worlds = [replace(USUAL, drop=drop, changed=share) for drop in (0.0, 0.1) for share in (0.15, 0.45)]
    same = [_is_same(worlds[number % len(worlds)].draw(rng)) for number in range(suites)]
    yield Check("same verdict by decide_run on runs, baselines and labels", fmean(same), suites, low=1.0)


def _is_same(suite: Suite) -> bool:
    run, known = suite.sides
    baselines = {(known.model, known.prompt): known}
    (verdict,) = decide_run(run, baselines, accept_command="", judge_labels=suite.labels_and_judge)
    if _is_advisory(suite):
        return not verdict.gating
    if suite.evidence is None:
        return "by labels and judge" not in verdict.reason
    return verdict.status == STATUS[word_of(suite)]


ROWS = {
    "K0": same_as_runs,
    "K1": unchanged,
    "K2": worse,
    "K3": at_margin,
    "K4": more_labels,
    "K5": other_worlds,
    "K6": floors,
    "K7": endpoint,
    "K8": selected,
}
FIRST = 100
"""The numbers of these rows in the seeds; those of benchmarks/gate.py are smaller."""


def measured(row: str, *, ci: bool = False) -> list[Check]:
    """The lines of a row."""
    return list(ROWS[row](Setting(FIRST + list(ROWS).index(row), ci)))


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate the error rates of a gate with a judge and labels.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to a file")
    chosen = parser.parse_args()
    lines = []
    print(HEAD, LINE, sep="\n")
    for row in ROWS:
        lines += (found := [line(row, check) for check in measured(row)])
        print(*found, sep="\n", flush=True)
    if chosen.write:
        chosen.write.write_text(page(lines), encoding="utf-8")
    return int(any(MISSED in one for one in lines))


if __name__ == "__main__":
    sys.exit(main())

"""How often a gate with a judge's verdicts and labels of people is right: rows for docs/judges-table.md.

    python benchmarks/judges.py                 every row: a minute
    python benchmarks/judges.py --write FILE    write the table to a file too

Simulated suites of 400 cases, of which about 45 % have another answer after a change. People call an answer good or
not; the judge says so too, right for 90 % of the good ones and 80 % of the others. 40 or 80 changed answers, chosen at
random, have labels of people. Other worlds: a judge that likes the new style (right for only 60 % of the new answers
that are not good), and a worse judge for all answers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from gate_table import HEAD, LINE, SEED, Check, Setting, at_most, line

from evalharness.gate.defaults import ALPHA, ALPHA_PASS, QUALITY_MARGIN
from evalharness.gate.stats.prediction_powered import CorrectedChange, Floats, Judged, corrected_change

Rng = np.random.Generator
CASES, CHANGED, GOOD = 400, 0.45, 0.8


@dataclass(frozen=True, slots=True)
class Instrument:
    """How often a judge is right."""

    good: float = 0.9
    others: float = 0.8
    others_new: float = 0.8
    """For answers of the new version that are not good."""

    def verdicts(self, rng: Rng, good: Floats, others: float) -> Floats:
        """The verdicts on answers."""
        return np.where(good == 1, rng.random(len(good)) < self.good, rng.random(len(good)) >= others).astype(float)


USUAL, LIKES_NEW, WORSE = Instrument(), Instrument(others_new=0.6), Instrument(0.7, 0.6, 0.6)


def suite(rng: Rng, labels: int, drop: float, judge: Instrument) -> CorrectedChange:
    """The result for one suite that lost `drop`."""
    changed = int((rng.random(CASES) < CHANGED).sum())
    before = (rng.random(changed) < GOOD).astype(float)
    after = (rng.random(changed) < GOOD - drop / CHANGED).astype(float)
    moved = judge.verdicts(rng, after, judge.others_new) - judge.verdicts(rng, before, judge.others)
    truth = (after - before)[:labels]
    judged = Judged(truth, moved[:labels], moved[labels:])
    return corrected_change(judged, share=changed / CASES, seed=int(rng.integers(2**31)))


def rates(rng: Rng, suites: int, make: Callable[[Rng], CorrectedChange]) -> tuple[float, float]:
    """The shares of suites that fail, and that pass."""
    found = [make(rng) for _ in range(suites)]
    failed = [one.p_value <= ALPHA for one in found]
    passed = [one.p_value > ALPHA and one.passing.bounds(ALPHA_PASS)[0] > -QUALITY_MARGIN for one in found]
    return float(np.mean(failed)), float(np.mean(passed))


def unchanged(at: Setting) -> Iterator[Check]:
    """K1: no change of quality."""
    suites = at.size(6000, 300)
    worlds = (("", USUAL), (", the judge likes the new style", LIKES_NEW), (", a worse judge", WORSE))
    for cell, (name, judge) in enumerate(worlds):
        for labels in (40, 80):
            failed, passed = rates(
                at.rng(10 * cell + labels), suites, partial(suite, labels=labels, drop=0, judge=judge)
            )
            yield at_most(f"unchanged{name}, {labels} labels: FAIL", failed, suites, 0.01, 0.016)
            yield Check(f"unchanged{name}, {labels} labels: PASS", passed, suites)


def worse(at: Setting) -> Iterator[Check]:
    """K2: ten points lost."""
    suites = at.size(3000, 300)
    for cell, (labels, least) in enumerate(((40, 0.55), (80, 0.85))):
        failed, _ = rates(at.rng(cell), suites, partial(suite, labels=labels, drop=0.1, judge=USUAL))
        low = least - at.slack(least, suites)
        yield Check(f"10 pts lost, {labels} labels: FAIL", failed, suites, low=low)
        failed, _ = rates(at.rng(10 + cell), suites, partial(suite, labels=labels, drop=0.1, judge=LIKES_NEW))
        yield Check(f"10 pts lost, the judge likes the new style, {labels} labels: FAIL", failed, suites)


def at_margin(at: Setting) -> Iterator[Check]:
    """K3: exactly the margin lost."""
    suites = at.size(3000, 300)
    for cell, labels in enumerate((40, 80)):
        _, passed = rates(at.rng(cell), suites, partial(suite, labels=labels, drop=0.05, judge=USUAL))
        yield at_most(f"5 pts lost, {labels} labels: false PASS", passed, suites, 0.05, 0.056)


ROWS = {"K1": unchanged, "K2": worse, "K3": at_margin}
FIRST = 100
"""The numbers of these rows in the seeds; those of benchmarks/gate.py are smaller."""


def measured(row: str, *, ci: bool = False) -> list[Check]:
    """The lines of a row."""
    return list(ROWS[row](Setting(FIRST + list(ROWS).index(row), ci)))


def page(lines: list[str]) -> str:
    """The page that --write writes."""
    head = (
        "# The measured error rates of a judge's gate\n\n"
        f"Written by `python benchmarks/judges.py --write docs/judges-table.md`; seeds `[{SEED}, row, cell]`.\n"
        "A rate is a share of S simulated suites; `benchmarks/judges.py` explains them.\n"
    )
    return "\n".join([head, HEAD, LINE, *lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate the error rates of a gate with a judge and labels.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to a file")
    chosen = parser.parse_args()
    found = [(row, check) for row in ROWS for check in measured(row)]
    lines = [line(row, check) for row, check in found]
    print(HEAD, LINE, *lines, sep="\n")
    if chosen.write:
        chosen.write.write_text(page(lines), encoding="utf-8")
    return 0 if all(check.ok for _, check in found) else 1


if __name__ == "__main__":
    sys.exit(main())

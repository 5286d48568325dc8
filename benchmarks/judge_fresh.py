"""Verdicts on simulated suites that need the judge's scores too: of fresh samples, or of the same answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from judge_worlds import Floats, Rng, Suite, World

from evalharness.gate.defaults import ALPHA, LOOKS
from evalharness.gate.evidence import FreshEvidence, Rules, Runs, Word
from evalharness.gate.judged_evidence import decided, labels_show_loss
from evalharness.gate.scores import collect_evidence

USUAL = World()


def word_of(suite: Suite) -> Word:
    """The verdict on a model whose answers are always the same."""
    evidence = suite.evidence
    return decided(evidence, "single").word if evidence else "INCONCLUSIVE"


def with_own_scores(suite: Suite) -> Word:
    """The verdict of a stricter rule: the test within cases on the judge's scores must be significant too."""
    if word_of(suite) != "FAIL":
        return "INCONCLUSIVE"
    before, after = (_runs(side[:, None], suite.cases) for side in (suite.judge_before, suite.judge_after))
    return "FAIL" if collect_evidence(before, after, rules=Rules(), seed="").p_value <= ALPHA else "INCONCLUSIVE"


def _runs(scores: Floats, cases: int) -> Runs:
    """The scores of each case; those of unchanged answers are 1."""
    found = np.ones((cases, scores.shape[1]))
    found[: len(scores)] = scores
    return {f"{number:04}": values for number, values in enumerate(found.tolist())}


def with_fresh(rng: Rng, suite: Suite, *, lost: bool) -> Word:
    """The verdict after fresh samples. If not `lost`, the accepted version is as bad today as the new one."""
    evidence = suite.evidence
    if evidence is None or not labels_show_loss(evidence):
        return word_of(suite)
    level, looks = USUAL.good - 0.1 / USUAL.changed, LOOKS[2].samples
    theirs, mine = (_fresh(rng, suite, good, looks) for good in (USUAL.good if lost else level, level))
    found = []
    for look in LOOKS[:3]:
        sides = (_runs(side[:, : look.samples], suite.cases) for side in (theirs, mine))
        fresh = collect_evidence(*sides, rules=Rules(), seed="")
        found.append(FreshEvidence(fresh, fresh))
    ordinary = replace(evidence.ordinary, looks=tuple(found))
    return decided(replace(evidence, ordinary=ordinary), "confirm").word


def _fresh(rng: Rng, suite: Suite, good: float, samples: int) -> Floats:
    """The judge's scores of fresh samples of the changed cases."""
    answers = (rng.random(len(suite.groups) * samples) < good).astype(float)
    return USUAL.judge.verdicts(rng, answers, USUAL.judge.others).reshape(-1, samples)

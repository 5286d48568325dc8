"""The changed answers of a comparison, by people where they are labelled, and by the judge all of them.

One pair of answers counts for each case: the latest accepted one, and the first planned one of this run. That is the
pair that `evalharness judge calibrate` draws, so that the labelled pairs are a random sample of all changed ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.gate.context import GateContext, Value
from evalharness.gate.judge_error import GOOD
from evalharness.gate.judge_labels import JudgeLabels, LabelledPair, pair_of
from evalharness.gate.judged import question_of
from evalharness.gate.stats.agreement import Accuracy, accuracy
from evalharness.gate.stats.prediction_powered import CorrectedChange, Judged, corrected_change, selection
from evalharness.records.answer_label import Labelled

FEWEST = 10
"""Labelled changed cases, or groups of dependent ones, with which labels decide: docs/judges-table.md has the rates."""


MOST_SELECTED = 3.3
"""Standard errors between the judge's verdicts on labelled and other answers: a random sample exceeds it 1 in 1,000."""


@dataclass(frozen=True, slots=True)
class LabelledChanges:
    """The changes of all compared cases."""

    judged: Judged
    cases: int
    """Number of compared cases, with those whose answer is the same."""
    before: Accuracy
    """Of the judge on the labelled accepted answers."""
    after: Accuracy
    """The same on the new ones."""
    seed: int = 0

    @property
    def changed(self) -> int:
        """Number of cases whose answer has changed."""
        return self.labelled + len(self.judged.others)

    @property
    def labelled(self) -> int:
        """Number of changed cases with labels of both answers."""
        return len(self.judged.labels)

    @property
    def groups(self) -> int:
        """Number of labelled cases, where conversations and clusters count once."""
        return len(set(self.judged.groups)) if self.judged.groups else self.labelled

    @property
    def share(self) -> float:
        """Share of the cases whose answer has changed."""
        return self.changed / self.cases if self.cases else 0.0

    @property
    def is_random(self) -> bool:
        """Whether the labelled answers can be a random sample of the changed ones, as far as the judge sees."""
        return abs(selection(self.judged)) <= MOST_SELECTED

    @property
    def corrected(self) -> CorrectedChange | None:
        """The change of all cases; None with too few labels, or with labels of selected answers."""
        if self.groups < FEWEST or not self.is_random:
            return None
        return corrected_change(self.judged, share=self.share, seed=self.seed)


@dataclass(frozen=True, slots=True)
class _Change:
    """One changed case."""

    group: str
    before: float
    after: float
    """Scores by the judge."""
    people: LabelledPair | None

    @property
    def by_judge(self) -> float:
        return self.after - self.before


def labelled_changes(context: GateContext, value: Value, labels: JudgeLabels) -> LabelledChanges:
    """The changes of the cases of a gate. `value` returns the score of a sample."""
    signature = context.run.header.signatures[context.rule.metric]
    question, drawn = question_of(signature), labels.drawn(signature)
    pairs = {case: pair for case in context.cases if (pair := _pair(context, case, value)) is not None}
    changed = [_change(context, case, pair, question, drawn) for case, pair in sorted(pairs.items()) if pair.is_changed]
    return changes_of(changed, cases=len(pairs), seed=context.seed)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both answers of a case, with their scores."""

    texts: tuple[str, str]
    scores: tuple[float, float]

    @property
    def is_changed(self) -> bool:
        return self.texts[0] != self.texts[1]


def _pair(context: GateContext, case: str, value: Value) -> _Pair | None:
    """The latest accepted answer and the first planned one; None if one of them has no score."""
    accepted, planned = context.baseline.get(case, ()), context.versions.planned.get(case, ())
    if not accepted or not planned:
        return None
    then, now = accepted[-1], planned[0]
    before, after = value(then), value(now)
    return None if before is None or after is None else _Pair((then.text, now.text), (before, after))


def _change(context: GateContext, case: str, pair: _Pair, question: str, drawn: Mapping[Labelled, float]) -> _Change:
    digest = context.pairing.samples[case][0].digest
    group = context.clusters.get(case, f"case {case}")
    return _Change(group, *pair.scores, pair_of(drawn, question, case, digest, *pair.texts))


def changes_of(changed: Sequence[_Change], *, cases: int, seed: str) -> LabelledChanges:
    """The changes as arrays."""
    labelled = [(one, one.people) for one in changed if one.people is not None]
    others = [one for one in changed if one.people is None]
    judged = Judged(
        np.array([people.change for _, people in labelled]),
        np.array([one.by_judge for one, _ in labelled]),
        np.array([one.by_judge for one in others]),
        [one.group for one, _ in labelled],
        [one.group for one in others],
    )
    before = _accuracy((people.before, one.before) for one, people in labelled if people.before is not None)
    after = _accuracy((people.after, one.after) for one, people in labelled if people.before is not None)
    return LabelledChanges(judged, cases, before, after, seed_number(seed))


def _accuracy(values: Iterator[tuple[float, float]]) -> Accuracy:
    """The accuracy of the judge, from the values of people and judge."""
    found = np.array(list(values), float).reshape(-1, 2) >= GOOD
    return accuracy(found[:, 0].astype(float), found[:, 1].astype(float))


def seed_number(seed: str) -> int:
    """The seed of a gate as a number."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")

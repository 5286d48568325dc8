"""Simulated suites whose answers a judge judges and people label in part, for benchmarks/judges.py and the tests.

A suite has accepted answers and new ones. Most of its answers are the same, byte for byte. People call each answer good
or not, and so does the judge, who is sometimes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evalharness.gate.evidence import Evidence, Rules, Staged
from evalharness.gate.judge_labels import JudgeLabels
from evalharness.gate.judged_evidence import JudgedEvidence
from evalharness.gate.labelled_changes import LabelledChanges, seed_number
from evalharness.gate.stats.agreement import accuracy
from evalharness.gate.stats.bounds import Spread
from evalharness.gate.stats.prediction_powered import Judged
from evalharness.records import Baseline, Run, Score
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled, text_digest
from evalharness.testing import baseline, run, sample

Rng = np.random.Generator
Floats = npt.NDArray[np.float64]
QUESTION = "0123456789ab"
SIGNATURE = f"judge|question:{QUESTION}|ask:Is it polite?|by:model|models:0123456789ab"
METRIC = "polite"
SEED = f"demo|scripted|plain|{METRIC}||accepted"
"""The seed of a gate on `Suite.sides`."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """How often a judge is right."""

    good: float = 0.9
    others: float = 0.8
    others_new: float | None = None
    """For answers of the new version that are not good; the same by default."""

    def verdicts(self, rng: Rng, good: Floats, others: float) -> Floats:
        """The verdicts on answers."""
        return np.where(good == 1, rng.random(len(good)) < self.good, rng.random(len(good)) >= others).astype(float)


@dataclass(frozen=True, slots=True)
class World:
    """How suites come about."""

    cases: int = 400
    changed: float = 0.45
    """Share of the cases whose answer has changed."""
    good: float = 0.8
    """Share of the accepted answers that are good."""
    drop: float = 0.0
    """Loss of the suite, all of it on changed answers."""
    judge: Instrument = field(default_factory=Instrument)
    labels: int = 80
    """Changed cases with labels of both answers."""
    mistaken: float = 0.0
    """Share of the labels that are wrong."""
    turns: int = 1
    """Cases of a conversation. They change together, and four of five are as good as its first one."""

    def draw(self, rng: Rng) -> Suite:
        """One suite. Its changed cases are in random order, so that its first ones are a random sample."""
        conversations = int((rng.random(self.cases // self.turns) < self.changed).sum())
        before = self._answers(rng, conversations, self.good)
        after = self._answers(rng, conversations, self.good - self.drop / self.changed)
        groups = np.repeat(np.arange(conversations), self.turns)
        order = rng.permutation(len(before))
        before, after, groups = before[order], after[order], groups[order]
        others_new = self.judge.others if self.judge.others_new is None else self.judge.others_new
        judged = self.judge.verdicts(rng, before, self.judge.others), self.judge.verdicts(rng, after, others_new)
        people = tuple(np.where(rng.random(len(side)) < self.mistaken, 1 - side, side) for side in (before, after))
        return Suite(self.cases, people[0], people[1], *judged, min(self.labels, len(before)), groups, self.turns > 1)

    def _answers(self, rng: Rng, conversations: int, good: float) -> Floats:
        """Whether each changed answer is good."""
        first = rng.random((conversations, 1)) < good
        alone = rng.random((conversations, self.turns)) < good
        same = rng.random((conversations, self.turns)) < (0.8 if self.turns > 1 else 0.0)
        return np.where(same, first, alone).astype(float).ravel()


def edited_again(rng: Rng, first: World, second: World) -> Suite:
    """A suite whose labels are from before a second edit, which changed other answers; each edit changed its own."""
    one, other = first.draw(rng), second.draw(rng)
    sides = (
        np.concatenate([getattr(suite, name) for suite in (one, other)])
        for name in ("people_before", "people_after", "judge_before", "judge_after")
    )
    groups = np.concatenate([one.groups, other.groups + one.groups.max() + 1])
    return Suite(one.cases, *sides, one.labels, groups, one.grouped)


@dataclass(frozen=True, slots=True)
class Suite:
    """The changed answers of one suite: what people would say of each, and what the judge says."""

    cases: int
    people_before: Floats
    people_after: Floats
    judge_before: Floats
    judge_after: Floats
    labels: int
    """The first answers have labels."""
    groups: npt.NDArray[np.int64]
    grouped: bool

    @property
    def changes(self) -> LabelledChanges:
        """What the gate sees."""
        some, people = slice(self.labels), self.people_after - self.people_before
        verdicts, names = self.judge_after - self.judge_before, self._names
        judged = Judged(
            people[some], verdicts[some], verdicts[self.labels :], names[: self.labels], names[self.labels :]
        )
        before = accuracy(self.people_before[some], self.judge_before[some])
        after = accuracy(self.people_after[some], self.judge_after[some])
        return LabelledChanges(judged, self.cases, before, after, seed_number(SEED))

    @property
    def _names(self) -> list[str]:
        """What each changed case counts with: its conversation, or itself."""
        return [f"{number:06}" for number in (self.groups if self.grouped else range(len(self.groups)))]

    @property
    def evidence(self) -> JudgedEvidence | None:
        """The evidence of the gate on a model whose answers are always the same; None where labels do not decide."""
        changes, nothing = self.changes, Spread(0.0, 0.0)
        change = changes.corrected
        if change is None:
            return None
        ordinary = Staged(Evidence((), self.cases, nothing, nothing, 1.0, 1.0, 1.0))
        return JudgedEvidence(ordinary, changes, change, Rules())

    @property
    def labels_and_judge(self) -> JudgeLabels:
        """The files of the suite."""
        labels = tuple(self._labels())
        judge = {label.of: value for label, value in zip(labels, self._verdicts(), strict=True)}
        return JudgeLabels(labels, {METRIC: JudgeCalibration(METRIC, SIGNATURE, "2026-01-01", judge)})

    def _labels(self) -> Iterator[AnswerLabel]:
        for number in range(self.labels):
            for version, people in (("old", self.people_before), ("new", self.people_after)):
                of = about(number, version)
                yield AnswerLabel(of, METRIC, "", float(people[number]), "ann", "2026-01-01", True, "7")

    def _verdicts(self) -> Iterator[float]:
        for number in range(self.labels):
            yield from (float(self.judge_before[number]), float(self.judge_after[number]))

    @property
    def sides(self) -> tuple[Run, Baseline]:
        """A run and its baseline, as a gate reads them."""
        before, after = np.ones(self.cases), np.ones(self.cases)
        before[: len(self.groups)], after[: len(self.groups)] = self.judge_before, self.judge_after
        then, now = self._run("old", before, "accepted"), self._run("new", after, "run-1")
        return now, baseline(then)

    def _run(self, version: str, scores: Floats, name: str) -> Run:
        changed = len(self.groups)
        texts = [_text(number, version if number < changed else "same") for number in range(self.cases)]
        made = [
            sample(
                f"c{number:04}",
                text,
                scores=[Score(METRIC, float(value), SIGNATURE)],
                cluster=f"g{self.groups[number]:04}" if self.grouped and number < changed else "",
            )
            for number, (text, value) in enumerate(zip(texts, scores, strict=True))
        ]
        return run(made, gates={METRIC: 0.05}, id=name, deterministic=("scripted",))


def about(number: int, version: str) -> Labelled:
    """What the label of an answer is about."""
    case = f"c{number:04}"
    return Labelled(QUESTION, case, f"digest-{case}", text_digest(_text(number, version)))


def _text(number: int, version: str) -> str:
    return f"The {version} answer {number}."

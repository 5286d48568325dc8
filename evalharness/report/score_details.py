"""What stands behind a score: its question, its parts, its explanation, and what people said about the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from evalharness.errors import StoreError
from evalharness.gate.judged import question_of
from evalharness.records import Run, Sample, Score
from evalharness.records.answer_label import AnswerLabel, Labelled
from evalharness.store.origins import text_digest

_GOOD = 0.5
Labels = Mapping[Labelled, Sequence[AnswerLabel]]
"""By what they are about, without the accepted answer."""


class Details(NamedTuple):
    """The texts that a case shows below its scores."""

    metric: str
    question: str
    parts: str
    explanation: str
    labels: str


@dataclass(frozen=True, slots=True)
class ScoreDetails:
    """The questions of a run's metrics, and the labels of its suite."""

    questions: Mapping[str, str] = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)

    def of(self, sample: Sample) -> Iterator[Details]:
        """Return the details of each score that has any."""
        for score in sample.scores:
            if not (score.parts or score.explanation or score.question or self.questions or self.labels):
                continue  # as for most scores of most runs
            found = Details(
                score.metric, score.question or self.questions.get(score.metric, ""), *self._texts(score, sample)
            )
            if any(found[1:]):
                yield found

    def _texts(self, score: Score, sample: Sample) -> tuple[str, str, str]:
        parts = ", ".join(f"{name} {value:.3g}" for name, value in score.parts.items())
        return parts, score.explanation, "; ".join(map(_said, self.labels_of(score, sample)))

    def is_disputed(self, sample: Sample) -> bool:
        """Whether people and a judge disagree on an answer: one calls it good, the other does not."""
        return bool(self.labels) and any(self._is_disputed(score, sample) for score in sample.scores)

    def _is_disputed(self, score: Score, sample: Sample) -> bool:
        values = [one.value for one in self.labels_of(score, sample) if one.made_by == "person"]
        if not values or fmean(values) == _GOOD:  # people are split evenly, or call two answers equal
            return False
        return (score.value >= _GOOD) != (fmean(values) >= _GOOD)

    def labels_of(self, score: Score, sample: Sample) -> Sequence[AnswerLabel]:
        """Return what people said about the answer of a sample, to the question of the score."""
        question = question_of(score.signature) if self.labels else ""
        if not question or sample.response is None:
            return ()
        of = Labelled(question, sample.key.case, sample.digest, text_digest(sample.response.text))
        return self.labels.get(of, ())


def score_details(run: Run, root: Path) -> ScoreDetails:
    """Return the details of a run's scores. Labels that cannot be read are left out: the gate reports them."""
    questions = dict(run.header.questions)
    if not any(question_of(signature) for signature in run.header.signatures.values()):
        return ScoreDetails(questions)
    from evalharness.store.answer_labels import read_answer_labels  # few suites have labels

    try:
        return ScoreDetails(questions, by_answer(read_answer_labels(root, run.header.suite)))
    except StoreError:
        return ScoreDetails(questions)


def by_answer(labels: Iterable[AnswerLabel]) -> dict[Labelled, list[AnswerLabel]]:
    """Return the labels by what they are about, without the accepted answer."""
    found: dict[Labelled, list[AnswerLabel]] = {}
    for label in labels:
        found.setdefault(label.of._replace(against=""), []).append(label)
    return found


def _said(label: AnswerLabel) -> str:
    who = f"{label.by} (a model)" if label.made_by == "model" else label.by
    return f"{who}: {label.choice}{'' if label.blind else ', not blind'}"

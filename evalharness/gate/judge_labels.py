"""The labels of a suite for its gates: what people said about its answers, and what judges said about the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evalharness.gate.judged import question_of
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled, text_digest

if TYPE_CHECKING:  # brings numpy, which a suite without labels does not need here
    from evalharness.gate.judge_error import JudgeError

EQUAL = 0.5
"""The value of an accepted answer that is compared with itself: neither is better."""


@dataclass(frozen=True, slots=True)
class JudgeLabels:
    """All labels of a suite."""

    labels: Sequence[AnswerLabel] = ()
    calibrations: Mapping[str, JudgeCalibration] = field(default_factory=dict)
    """By metric."""
    problem: str = ""
    """Why the labels cannot be read; empty if they can."""

    def error(self, metric: str, signature: str) -> JudgeError | None:
        """The error of the judge of a metric; None without a label on its question."""
        from evalharness.gate.judge_error import judge_error

        return judge_error(self.labels, self.calibrations.get(metric), signature) if self.labels else None

    def has(self, signature: str) -> bool:
        """Whether there is a label of a person on the question of a metric, or an unreadable one on any."""
        question = question_of(signature)
        return bool(question) and (bool(self.problem) or any(one.calibrates(question) for one in self.labels))

    def drawn(self, signature: str) -> Mapping[Labelled, float]:
        """What people said about answers that were drawn at random."""
        from evalharness.gate.judge_error import consensus

        return consensus((label for label in self.labels if label.drawn), question_of(signature))


NO_JUDGE_LABELS = JudgeLabels()


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """What people said about both answers of a case."""

    before: float | None
    """None for the accepted one of two answers that were compared with each other."""
    after: float

    @property
    def change(self) -> float:
        """From the accepted answer to the new one; of two compared ones, from equal."""
        return self.after - (EQUAL if self.before is None else self.before)


def pair_of(
    drawn: Mapping[Labelled, float], question: str, case: str, digest: str, before: str, after: str
) -> LabelledPair | None:
    """The labels of an accepted answer and a new one, if both have one, or if they were compared with each other."""
    old, new = text_digest(before), text_digest(after)
    compared = drawn.get(Labelled(question, case, digest, new, old))
    if compared is not None:
        return LabelledPair(None, compared)
    then, now = drawn.get(Labelled(question, case, digest, old)), drawn.get(Labelled(question, case, digest, new))
    return None if then is None or now is None else LabelledPair(then, now)

"""What people said about answers that a judge judges, how a judge did on them, and what a verdict says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

_RESERVED = "sbmq?"
"""Keys with another meaning: skip, back, more, stop and help."""
_KEYS = "123456789acdefghijkl"
"""As many as a judge can have choices."""


def text_digest(text: str) -> str:
    """The SHA-256 of an answer."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Labelled(NamedTuple):
    """What a label is about. It counts for equal texts alone: an edited case or answer has no label."""

    question: str
    """Digest of the question, its choices and what is shown, from the signature of the metric: `question_of`."""
    case: str
    digest: str
    """Digest of the case, with its goldens and its own question."""
    answer: str
    """`text_digest` of the answer."""
    against: str = ""
    """`text_digest` of the accepted answer that it was compared with; empty unless the metric compares two answers."""


@dataclass(frozen=True, slots=True)
class AnswerLabel:
    """The opinion of one person about one answer or one pair of answers: a line of `golden/labels/SUITE.jsonl`."""

    of: Labelled
    metric: str
    choice: str
    """One of the choices of the metric."""
    value: float
    """What the choice counts, in [0, 1]. Of a pair: 1 if the new answer is better, 0.5 if both are equal."""
    by: str
    at: str
    """UTC, ISO 8601."""
    blind: bool
    """Whether the person could not know which version the answer is from."""
    seed: str
    """Of the random draw."""
    drawn: bool = True
    """Whether the answer was drawn at random from the changed ones. Only such labels correct a change."""
    made_by: Literal["person", "model"] = "person"
    """Labels by a model never calibrate a judge."""

    def calibrates(self, question: str) -> bool:
        """Whether a person answered this question, which is never empty."""
        return self.made_by == "person" and bool(question) and self.of.question == question

    @property
    def identity(self) -> tuple[Labelled, str, str]:
        """Of several labels with the same identity, the latest counts."""
        return self.of, self.by, self.made_by


@dataclass(frozen=True, slots=True)
class LabelItem:
    """One answer for people to label. It does not say which version the answer is from."""

    of: Labelled
    metric: str
    ask: str
    shown: tuple[tuple[str, str], ...]
    """Titles and texts, as the judge gets them. The texts come from others."""
    choices: tuple[tuple[str, float], ...]
    """Each choice with its value."""
    seed: str
    drawn: bool

    @property
    def keys(self) -> dict[str, tuple[str, float]]:
        """The key of each choice: its first letter if they are distinct and free, else a number."""
        letters = [choice[:1].lower() for choice, _ in self.choices]  # casefold makes two of some
        plain = len(set(letters)) == len(letters) and all(one.isascii() and one.isalpha() for one in letters)
        keys = letters if plain and not set(letters) & set(_RESERVED) else _KEYS
        return dict(zip(keys, self.choices, strict=False))


@dataclass(frozen=True, slots=True)
class JudgeCalibration:
    """What a judge said about the labelled answers: a line of `golden/labels/SUITE.judges.jsonl`, one for each metric.

    Its error rates are not stored: they follow from these values and the labels.
    """

    metric: str
    signature: str
    """Of the metric, with the identity of the model: another judge is not calibrated by it."""
    at: str
    values: Mapping[Labelled, float] = field(default_factory=dict)
    """The score of each labelled answer."""
    planted: int = 0
    """Number of bad answers that were judged once more with a planted instruction to call them good."""
    flipped: int = 0
    """How many of them the judge then called good."""
    asked_again: int = 0
    """Number of answers that were judged a second time (votes; for two answers, in the other order)."""
    changed_again: int = 0
    """How many of them got another verdict."""
    first_picks: int = 0
    """For two answers: how often the judge preferred the one that was shown first, of `2 * asked_again`."""


@dataclass(frozen=True, slots=True)
class JudgeFacts:
    """What labels of people say about the judge of a gate. Shares are from 0 to 1; None if unknown."""

    labels: int
    """Labelled answers that the judge has judged."""
    se: float | None
    """Sensitivity: share of the good answers that the judge calls good."""
    sp: float | None
    """Specificity: share of the bad answers that the judge calls bad."""
    advisory: tuple[str, ...] = ()
    """Why the gate informs only; empty if the judge is calibrated."""
    changed_share: float | None = None
    """Share of the cases whose answer has changed."""
    labelled_changed: int = 0
    """Changed cases with labels of both answers, drawn at random."""
    needed_labels: int | None = None
    """About how many more of them would decide; None if it is decided, or if labels cannot decide it."""
    j_before: float | None = None
    """Youden's J on the labelled accepted answers of this comparison."""
    j_after: float | None = None
    """The same on the new answers."""

    @property
    def j(self) -> float | None:
        """Youden's J: 1 for a judge without error, 0 for one that guesses."""
        return None if self.se is None or self.sp is None else self.se + self.sp - 1

"""What today's judge says about accepted answers, whose baseline has scores of another judge or none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """The score of one accepted answer. It counts for equal texts and an unedited case."""

    case: str
    digest: str
    """Digest of the case."""
    answer: str
    """`text_digest` of the answer."""
    value: float | None = None
    """In [0, 1]; None if the metric does not apply, or the judge failed."""
    not_applicable: bool = False


@dataclass(frozen=True, slots=True)
class JudgedAgain:
    """One judge metric on the accepted answers of one model and prompt: a line of a run record."""

    metric: str
    signature: str
    """Of the metric in this run."""
    model: str
    prompt: str
    pinned: bool = False
    """Whether the answers are those of the pinned baseline."""
    before: str = ""
    """The signature in the baseline; empty if it has no scores of the metric."""
    answers: tuple[AnswerScore, ...] = ()
    """Each distinct answer to the compared cases."""
    sent: int = 0
    """Number of requests that were sent. Recorded responses are replayed."""
    cost_usd: float = 0.0
    """Dollars for these requests; 0 where no price is known."""
    missing: str = ""
    """What the judge sees and a baseline does not keep, so that nothing was judged; empty if there is nothing."""
    error: str = ""
    """Why an answer has no score; empty if each one has."""

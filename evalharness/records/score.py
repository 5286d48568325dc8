"""What scoring makes of one response: scores, errors, and the assertions that it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_OF_MODEL = {"auth", "quota", "not found", "redirect", "connect", "tls", "parameter", "load", "not recorded", "budget"}
"""Kinds of errors that concern a model and not its cases."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a response by one metric: in [0, 1], higher is better.

    Two scores of a metric can be compared only if their signatures are equal.
    """

    metric: str
    value: float
    signature: str
    explanation: str = ""
    """Reason for the score, as text."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Name -> number, for the numbers of which the score consists."""
    note: str = ""
    """What limits the score, for the report and the summary: the metric read only a part of the text."""
    question: str = ""
    """The question of the case, where a judge answered it in place of the metric's."""
    against: str = ""
    """`text_digest` of the accepted answer that the answer is compared with; empty for a score of the answer alone."""

    @property
    def of_one_model(self) -> bool:
        """Whether the score can be compared only with scores of the same model.

        True for scores per token, because two models split a text into different tokens.
        """
        return "|per:token" in self.signature


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The reason why a metric has nothing to score in a sample: neither a score nor an error."""

    reason: str
    """Starts with `no`: `no golden answer`."""
    metric: str = ""
    """The metric; filled in where the result of a metric becomes a part of a sample."""


@dataclass(frozen=True, slots=True)
class SampleError:
    """The error of a request or a metric. The run continues after it."""

    kind: str
    message: str
    """The first line says what is wrong; further lines may concern this sample alone."""

    @property
    def of_model(self) -> bool:
        """Whether the error concerns the model, whatever the case: it was rejected, or never sent."""
        return self.kind in _OF_MODEL

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}".partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Violation:
    """An assertion that a response breaks, and that does not fail its case."""

    assertion: str
    """Name and value of the assertion: equal for all samples."""
    message: str
    """What the response must be or have."""
    least_share: float | None = None
    """Share of the cases that must keep the assertion; None if the accepted runs decide (`must_pass: baseline`)."""

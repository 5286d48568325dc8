"""What a judge is: it turns typed questions about samples into probabilities of their choices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from evalharness.errors import MetricError
from evalharness.records import Request
from evalharness.redaction import shortened
from evalharness.scoring.metrics.base import Responses, SampleView

YES_NO = ("yes", "no")
_ROUNDING = 1e-4

Probabilities = Mapping[str, float]
"""By choice; they add up to 1."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one sample, with the choices that a judge has."""

    text: str
    view: SampleView
    choices: tuple[str, ...] = YES_NO
    shown: tuple[tuple[str, str], ...] = ()
    """What the judge may see of the sample: titles and texts. The texts come from others."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """The probabilities of a question's choices, with what else the score shows."""

    probabilities: Probabilities
    explanation: str = ""
    """Why, as text."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """More numbers by name, such as the share of votes that differ."""
    note: str = ""
    """What limits the decision, for the report and the summary."""


class Judge(Protocol):
    """Decides between choices. A class of its own needs `signature` and `decide`: the rest has the defaults below.

    Made by a factory of the registry, with the options of `[tool.evalharness.judges.NAME]`.
    """

    signature: str
    """Everything that a decision depends on except the question: template, version, ..."""
    models: tuple[str, ...] = ()
    """The configured models that get the requests."""
    requests_each: int = 0
    """The number of `requests` for each question."""

    def requests(self, question: Question) -> Sequence[Request]:
        """Return the requests whose responses `decide` needs. They share the queue, ledger and budget of the run."""
        return ()

    def follow_ups(self, question: Question, responses: Responses) -> Sequence[Request]:
        """Return the requests of a second round, as many for each question, from the responses to `requests`."""
        return ()

    def decide(
        self, questions: Sequence[Question], responses: Sequence[Responses]
    ) -> Sequence[Probabilities | Opinion | MetricError]:
        """Return the probabilities of the choices of each question, in order, or why there are none.

        `responses`: for each question the responses to its requests, those of the first round first.
        """
        ...


def checked(question: Question, found: Probabilities | Opinion | MetricError) -> Opinion | MetricError:
    """Return the opinion, or an error unless it is a distribution over the choices of the question.

    The probabilities add up to 1 exactly: records keep six digits of each.
    """
    if isinstance(found, MetricError):
        return found
    opinion = found if isinstance(found, Opinion) else Opinion(found)
    given = opinion.probabilities
    if not isinstance(given, Mapping) or set(given) != set(question.choices):
        return MetricError(f"expected probabilities of {', '.join(question.choices)}, got {shortened(given, 200)}")
    shares = {choice: _share(given[choice]) for choice in question.choices}
    total = math.fsum(shares.values())
    if not all(value >= 0 for value in shares.values()) or not abs(total - 1) <= _ROUNDING:
        return MetricError(f"expected probabilities that add up to 1, got {shortened(dict(given), 200)}")
    return replace(opinion, probabilities={choice: share / total for choice, share in shares.items()})


def _share(value: object) -> float:
    """The value as a float; NaN for another type or a number beyond floats."""
    try:
        return math.nan if isinstance(value, bool | str | bytes) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan

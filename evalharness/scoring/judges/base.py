"""What a judge is: it turns typed questions about samples into probabilities of their choices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    ) -> Sequence[Probabilities | MetricError]:
        """Return the probabilities of the choices of each question, in order, or why there are none.

        `responses`: for each question the responses to its requests, those of the first round first.
        """
        ...


def checked(question: Question, found: Probabilities | MetricError) -> Probabilities | MetricError:
    """Return the probabilities, or an error unless they are a distribution over the choices of the question.

    They add up to 1 exactly: records keep six digits of each.
    """
    if isinstance(found, MetricError):
        return found
    if not isinstance(found, Mapping) or set(found) != set(question.choices):
        return MetricError(f"expected probabilities of {', '.join(question.choices)}, got {shortened(found, 200)}")
    shares = {choice: _share(found[choice]) for choice in question.choices}
    total = math.fsum(shares.values())
    if not all(value >= 0 for value in shares.values()) or not abs(total - 1) <= _ROUNDING:
        return MetricError(f"expected probabilities that add up to 1, got {shortened(dict(found), 200)}")
    return {choice: share / total for choice, share in shares.items()}


def _share(value: object) -> float:
    """The value as a float; NaN for another type or a number beyond floats."""
    try:
        return math.nan if isinstance(value, bool | str | bytes) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan

"""A request to a model, and its response."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Literal, NamedTuple, get_args

from evalharness.records.suite import Message, Params

FinishReason = Literal["stop", "length"]
Purpose = Literal["planned", "confirm", "rerun", "reference"]
"""Why a sample was generated: `planned` by the suite; `confirm`: before a gate may fail; `rerun`: a stable assertion
failed, so the sample says nothing about the average; `reference`: by the baseline's version of the suite.
"""
_LOGPROB_ROUNDING = 1e-6


class SampleKey(NamedTuple):
    """Identifies a sample within the run of a suite."""

    case: str
    prompt: str
    model: str
    repeat: int
    """From 0. `confirm` continues the count of `planned`; `rerun` and `reference` have their own."""
    purpose: Purpose = "planned"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a model."""

    key: SampleKey
    messages: tuple[Message, ...]
    shared_prefix: int
    """Number of leading messages that every case of the suite has in common, selected or not."""
    params: Params
    attempt: str = ""
    """Identifies one attempt to send this request, in the ledger and at the endpoint."""
    golden: tuple[str, ...] = ()
    """Golden answers whose log-probabilities the response must contain."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request."""

    prompt_tokens: int
    """All of them, cached ones too."""
    completion_tokens: int
    cached_tokens: int = 0
    """Prompt tokens that the endpoint had read before."""
    estimated: bool = False
    """The endpoint counted nothing: this is our own count."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and rates of one try, waits between tries left out; None where the provider cannot know."""

    total_s: float
    first_token_s: float | None = None
    prompt_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    slots: int | None = None
    """How many answers the engine may have grown at once: seconds compare only with seconds of the same shape."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    timing: Timing
    model: str = ""
    """What the endpoint says answered."""
    fingerprint: str = ""
    """The endpoint's word for its configuration (`system_fingerprint`)."""
    logprobs: tuple[float, ...] = ()
    """Natural logarithm of the probability of each token of the answer, where `params.logprobs`."""
    golden_logprobs: tuple[tuple[float, ...], ...] = ()
    """The same for each golden answer of the request, as the model's own answer: one number per token, the end of the
    turn left out.
    """
    contexts: tuple[str, ...] = ()
    """Texts that an application retrieved and used for the response."""

    @property
    def is_sound(self) -> bool:
        """Whether it can be recorded: a known finish reason, numbers that are finite and not negative, whole tokens,
        logarithms of probabilities.
        """
        seconds = [self.timing.total_s, *(value for value in astuple(self.timing) if value is not None)]
        numbers = [*astuple(self.usage), *seconds]
        known = all(isinstance(number, int | float) and 0 <= number < math.inf for number in numbers)
        whole = all(isinstance(count, int) for count in astuple(self.usage))
        likely = _are_logprobs(self.logprobs) and isinstance(self.golden_logprobs, tuple)
        likely = likely and all(_are_logprobs(golden) for golden in self.golden_logprobs)
        texts = isinstance(self.contexts, tuple) and all(isinstance(text, str) for text in self.contexts)
        return self.finish_reason in get_args(FinishReason) and known and whole and likely and texts


def _are_logprobs(values: object) -> bool:
    """Finite, and at most 0 but for a rounding step: of a probability of 0 no mean can be taken."""
    return isinstance(values, tuple) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value <= _LOGPROB_ROUNDING
        for value in values
    )

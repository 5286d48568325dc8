"""Requests and responses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from evalharness.records.suite import Message, Params

FinishReason = Literal["stop", "length"]
_FINISH_REASONS = get_args(FinishReason)
Purpose = Literal["planned", "confirm", "rerun", "reference"]
"""Why a sample was generated: `planned` by the suite, `confirm` for a confirmation, `rerun` after its case broke
a rule of its own (left out of means, because its case was selected for it), `reference` by the baseline's version.
"""

_LOGPROB_ROUNDING = 1e-6


class SampleKey(NamedTuple):
    """Identifies a sample within the run of a suite."""

    case: str
    prompt: str
    model: str
    repeat: int
    """From 0. `confirm` continues the count of `planned`; `rerun` and `reference` have counts of their own."""
    purpose: Purpose = "planned"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a model."""

    key: SampleKey
    messages: tuple[Message, ...]
    shared_prefix: int
    """Number of leading messages that all cases of the suite share, whether they are selected or not."""
    params: Params
    attempt: str = ""
    """Id of one attempt to send this request, in the ledger and at the endpoint."""
    golden: tuple[str, ...] = ()
    """Golden answers whose log-probabilities the response must contain."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request."""

    prompt_tokens: int
    """Tokens of the prompt, including cached ones."""
    completion_tokens: int
    """Tokens that are billed as output, including reasoning."""
    cached_tokens: int = 0
    """Prompt tokens that the endpoint read from its cache."""
    estimated: bool = False
    """Whether evalharness estimated a count from the texts, because the endpoint sent none, or 0."""
    reasoning_tokens: int = 0
    """Completion tokens that are reasoning; 0 also if the endpoint does not say."""
    cache_write_tokens: int = 0
    """Prompt tokens that the endpoint wrote to its cache."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and rates of one attempt; None if the provider does not know.

    Waits between attempts are left out.
    """

    total_s: float
    first_token_s: float | None = None
    prompt_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    slots: int | None = None
    """Number of responses that the engine generates at once. Seconds are compared only if this is equal."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response of a model or an application."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    timing: Timing
    model: str = ""
    """Name of the model as reported by the endpoint."""
    fingerprint: str = ""
    """Configuration of the endpoint as it reports it (`system_fingerprint`)."""
    logprobs: tuple[float, ...] = ()
    """Natural logarithm of the probability of each generated token, with `params.logprobs`."""
    golden_logprobs: tuple[tuple[float, ...], ...] = ()
    """Natural logarithms of the probabilities that the model assigns to each golden answer of the request: one number
    per token, without the end of the turn.
    """
    contexts: tuple[str, ...] = ()
    """Texts that an application retrieved and used for the response."""

    @property
    def is_sound(self) -> bool:
        """Whether the response can be recorded.

        It needs a known finish reason, numbers that are finite and not negative, integer token counts, and
        log-probabilities that are finite and at most 0.
        """
        usage, timing = self.usage, self.timing
        counts = [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.estimated]
        counts += [usage.reasoning_tokens, usage.cache_write_tokens]
        optional = [timing.first_token_s, timing.prompt_tokens_per_s, timing.decode_tokens_per_s, timing.slots]
        measured = [timing.total_s, *[value for value in optional if value is not None]]
        known = (
            self.finish_reason in _FINISH_REASONS and _are_amounts(counts, int) and _are_amounts(measured, int | float)
        )
        return known and _are_logprobs(self.logprobs) and self._has_sound_lists()

    def _has_sound_lists(self) -> bool:
        if not isinstance(self.golden_logprobs, tuple) or not isinstance(self.contexts, tuple):
            return False
        texts = all(isinstance(text, str) for text in self.contexts)
        return texts and all(_are_logprobs(golden) for golden in self.golden_logprobs)


def _are_amounts(values: list[Any], kind: Any) -> bool:
    return not [value for value in values if not isinstance(value, kind) or not 0 <= value < math.inf]


def _are_logprobs(values: object) -> bool:
    """Whether the values are finite, so that they have a mean, and at most 0 up to rounding."""
    return isinstance(values, tuple) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value <= _LOGPROB_ROUNDING
        for value in values
    )

"""Requests and responses."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

from evalharness.records.application import Citation, Context, ToolCall, json_problem, verbatim_problem
from evalharness.records.dialogue import Conversation, Dialogue, SimulatedUser
from evalharness.records.suite import Message, Params, Tool
from evalharness.records.world import World

FinishReason = Literal["stop", "length"]
_FINISH_REASONS = get_args(FinishReason)
Purpose = Literal["planned", "confirm", "rerun", "reference"]
"""Why a sample was generated: `planned` by the suite, `confirm` for a confirmation, `rerun` after its case broke
a rule of its own (left out of means, because its case was selected for it), `reference` by the baseline's version.
"""

_LOGPROB_ROUNDING = 1e-6
_DECISION_ROUNDING = 1e-4
MAY_BE_EMPTY = ("contexts", "tool_calls")
"""Fields of a response in which nothing differs from unknown."""
AROUND_CHOICE = " \t\r\n\"'`*\u201c\u201d\u2018\u2019"
"""What may surround a choice that a model writes: blanks, quotes and emphasis."""


class SampleKey(NamedTuple):
    """Identifies a sample within the run of a suite."""

    case: str
    prompt: str
    model: str
    repeat: int
    """From 0. `confirm` continues the count of `planned`; `rerun` and `reference` have counts of their own."""
    purpose: Purpose = "planned"


key_of: Callable[[tuple[str, str, str, int, str]], SampleKey] = partial(tuple.__new__, SampleKey)
"""The key of its fields. As `SampleKey._make`, in half the time: there may be a million."""


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
    choices: tuple[str, ...] = ()
    """The answers between which the model decides: the response must contain a `decision`."""
    variables: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The variables of suite and case, for an application that takes them."""
    tools: tuple[Tool, ...] = ()
    """What the model may call."""
    dialogue: Dialogue | None = field(default=None, compare=False)
    """The conversation that the request is a turn of. Executors and providers get requests without one."""
    user: SimulatedUser | None = field(default=None, compare=False)
    """Goes on after the answer, with these texts. Executors and providers get requests without one."""
    world: World | None = field(default=None, compare=False)
    """What the calls of tools return. Executors and providers get requests without one."""
    conversation: Conversation | None = field(default=None, compare=False)
    """Of a turn that is sent to an application that keeps the conversation; None also for a single question to it."""

    @property
    def is_single(self) -> bool:
        """Whether its response is the whole answer: no turn, no simulated user and no scripted tools."""
        return self.dialogue is None and self.user is None and self.world is None

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """The messages that an application that keeps the conversation does not know yet."""
        return self.messages[self.conversation.sent :] if self.conversation else self.messages

    @property
    def media_types(self) -> set[str]:
        """The types of the files in the messages."""
        return {one.media_type for message in self.messages for one in message.attachments}

    def texts(self) -> list[str]:
        """All texts that the prompt contains: contents, tool calls and tools."""
        texts = [message.content for message in self.messages]
        texts += [message.verbatim for message in self.messages if message.verbatim]
        for message in self.messages:
            for call in message.tool_calls:
                texts.append(f"{call.id} {call.name} {json.dumps(call.arguments)}")
        for tool in self.tools:
            texts += tool.to_data().values()
        return texts


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
    decision: tuple[float, ...] = ()
    """The probability of each of the request's choices, in order; they add up to 1."""
    decided: float | None = None
    """The share of the model's own probability that the choices have together; None if unknown."""
    contexts: tuple[Context, ...] = ()
    """What an application retrieved and used for the response."""
    tool_calls: tuple[ToolCall, ...] = ()
    """The tool calls of a model or an application, in order."""
    data: Any = None
    """A structured answer of an application, as a JSON value; None for none."""
    turns: tuple[Message, ...] = ()
    """The conversation that an application held for the response."""
    cost_usd: float | None = None
    """Dollars that an application says the response cost; None if it does not say."""
    reasoning: str = ""
    """Reasoning, which is no part of `text`."""
    refusal: str = ""
    """The words with which the model or the application declined to answer."""
    citations: tuple[Citation, ...] = ()
    """The sources that the response names, in the order of the response."""
    empty: tuple[str, ...] = ()
    """Which of `contexts` and `tool_calls` are known to be empty: nothing was retrieved, or no tool was called. If both
    the field and its name here are missing, it is unknown."""
    verbatim: str = ""
    """A response with tool calls in the form of its endpoint, as JSON text, if the endpoint wants it back unchanged
    with their results; empty if the other fields are enough."""

    @property
    def has_added(self) -> bool:
        """Whether there is more than text, numbers and names."""
        added = self.contexts or self.tool_calls or self.turns or self.reasoning or self.refusal or self.citations
        return bool(added) or self.data is not None or self.verbatim != ""

    def added(self) -> dict[str, Any]:
        """What an application added to the text, as JSON values by field; empty fields are left out."""
        found = {
            "contexts": [{"text": one.text} | _known(id=one.id or None, score=one.score) for one in self.contexts],
            "tool_calls": [one.to_data() for one in self.tool_calls],
            "turns": [one.to_data() for one in self.turns],
            "citations": [one.to_data() for one in self.citations],
            "reasoning": self.reasoning,
            "refusal": self.refusal,
        }
        data = {} if self.data is None else {"data": self.data}
        return {name: value for name, value in found.items() if value} | data

    @property
    def problem(self) -> str:
        """Why the response cannot be recorded, with the field; "" if it can."""
        usage, timing = self.usage, self.timing
        counts = [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.estimated]
        counts += [usage.reasoning_tokens, usage.cache_write_tokens]
        optional = [timing.first_token_s, timing.prompt_tokens_per_s, timing.decode_tokens_per_s, timing.slots]
        measured = [timing.total_s, *[value for value in optional if value is not None]]
        if self.finish_reason not in _FINISH_REASONS:
            return f"finish_reason: expected {' or '.join(_FINISH_REASONS)}, got {self.finish_reason!r:.40}"
        if not _are_amounts(counts, int):
            return f"usage: expected token counts from 0, got {usage!s:.300}"
        if not _are_amounts(measured, int | float):
            return f"timing: expected finite numbers from 0, got {timing!s:.300}"
        if self.cost_usd is not None and not _are_amounts([self.cost_usd], int | float):
            return f"cost_usd: expected a finite number from 0, got {self.cost_usd!r:.40}"
        if not _are_logprobs(self.logprobs, *_in_tuple(self.golden_logprobs)):
            return "logprobs or golden_logprobs: expected logarithms of probabilities, finite and at most 0"
        if self.decided is not None and not _are_amounts([self.decided], int | float):
            return f"decided: expected a finite number from 0, got {self.decided!r:.40}"
        if not _is_decision(self.decision):
            return "decision: expected probabilities that add up to 1"
        return self.added_problem

    @property
    def added_problem(self) -> str:
        """Why a field that an application fills is unsound, with its place; "" if none is."""
        if self.empty != () and (problem := self._empty_problem()):
            return problem
        if not self.has_added:
            return ""
        kinds = (("contexts", Context), ("tool_calls", ToolCall), ("turns", Message), ("citations", Citation))
        for name, kind in kinds:
            given = getattr(self, name)
            if not _are_records(given, kind):
                return f"{name}: expected a tuple of {kind.__name__} records"
        if not all(_are_records(one.tool_calls, ToolCall) for one in self.turns):
            return "turns: tool_calls: expected a tuple of ToolCall records"
        return self._text_problem() or json_problem(self.added(), "response") or verbatim_problem(self.verbatim)

    def _empty_problem(self) -> str:
        is_sound = isinstance(self.empty, tuple) and not any(
            name not in MAY_BE_EMPTY or getattr(self, name) for name in self.empty
        )
        return "" if is_sound else f"empty: expected names of empty fields among {', '.join(MAY_BE_EMPTY)}"

    def _text_problem(self) -> str:
        texts = [("reasoning", self.reasoning), ("refusal", self.refusal)]
        for one in self.contexts:
            texts += [("contexts: text", one.text), ("contexts: id", one.id)]
            if one.score is not None and (isinstance(one.score, bool) or not isinstance(one.score, int | float)):
                return f"contexts: score: expected a number, got {type(one.score).__name__}"
        for call in (*self.tool_calls, *(call for one in self.turns for call in one.tool_calls)):
            texts += [("tool_calls: name", call.name), ("tool_calls: id", call.id)]
        for cited in self.citations:
            texts += [("citations", text) for text in (cited.source, cited.title, cited.quote)]
            if not all(number is None or type(number) is int for number in (cited.start, cited.end)):
                return "citations: expected integers as start and end"
        texts += [("turns", text) for one in self.turns for text in (one.role, one.content, one.call_id)]
        wrong = [(name, value) for name, value in texts if not isinstance(value, str)]
        return f"{wrong[0][0]}: expected a str, got {type(wrong[0][1]).__name__}" if wrong else ""


def _are_records(value: object, kind: type) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, kind) for one in value)


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _are_amounts(values: list[Any], kind: Any) -> bool:
    return not [value for value in values if not isinstance(value, kind) or not 0 <= value < math.inf]


def _in_tuple(values: object) -> tuple[Any, ...]:
    """The values of a tuple; another object as the only one."""
    return values if isinstance(values, tuple) else (values,)


def _is_decision(values: object) -> bool:
    """Whether the values are nothing, or probabilities that add up to 1 up to rounding."""
    if not isinstance(values, tuple) or not values:
        return values == ()
    are_numbers = not [one for one in values if isinstance(one, bool) or not isinstance(one, int | float)]
    return are_numbers and all(one >= 0 for one in values) and abs(math.fsum(values) - 1) <= _DECISION_ROUNDING


def _are_logprobs(*lists: object) -> bool:
    """Whether the values are finite, so that they have a mean, and at most 0 up to rounding."""
    return not [values for values in lists if not isinstance(values, tuple) or not all(map(_is_logprob, values))]


def _is_logprob(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -math.inf < value <= _LOGPROB_ROUNDING  # type: ignore[operator]

"""Responses as they may be recorded: checked, encodable, and without keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from evalharness.errors import ProviderError
from evalharness.records import Context, Message, Response, ToolCall
from evalharness.redaction import scrubbed

_LOGPROB_DIGITS, _PROBABILITY_DIGITS = 4, 6
"""Rounded on arrival, so that a stored number and a fresh one are the same."""


def sound(response: Response) -> Response:
    """Return the response with texts that Unicode can encode and without keys.

    A context that is a plain text becomes a `Context` without an id. Raises ProviderError for anything else that a
    provider returned.
    """
    if not isinstance(response, Response) or not isinstance(response.text, str):
        raise ProviderError(f"complete() must return a Response, not {type(response).__name__}")
    if response.has_added:
        response = _with_records(response)
    if problem := response.problem:
        raise ProviderError(f"the provider returned a response that cannot be recorded: {problem}")
    text, model, fingerprint = scrubbed([encodable(response.text), response.model, response.fingerprint])
    clean = replace(
        response,
        text=text,
        model=model[:200],
        fingerprint=fingerprint[:200],
        logprobs=_rounded(response.logprobs),
        golden_logprobs=tuple(_rounded(golden) for golden in response.golden_logprobs),
        decision=tuple(round(float(value), _PROBABILITY_DIGITS) for value in response.decision),
        decided=None if response.decided is None else round(float(response.decided), _PROBABILITY_DIGITS),
    )
    return _mapped(clean, lambda value: scrubbed(_encodable_value(value))) if clean.has_added else clean


def _with_records(response: Response) -> Response:
    if not isinstance(response.contexts, tuple):
        return response
    return replace(response, contexts=tuple(Context(one) if isinstance(one, str) else one for one in response.contexts))


def _mapped(response: Response, clean: Callable[[Any], Any]) -> Response:
    """The response with a function applied to all that an application has added."""
    return replace(
        response,
        contexts=tuple(Context(clean(one.text), clean(one.id), one.score) for one in response.contexts),
        tool_calls=_calls(response.tool_calls, clean),
        turns=tuple(
            Message(clean(one.role), clean(one.content), _calls(one.tool_calls, clean), clean(one.call_id))
            for one in response.turns
        ),
        data=clean(response.data),
        citations=tuple(
            replace(one, source=clean(one.source), title=clean(one.title), quote=clean(one.quote))
            for one in response.citations
        ),
        reasoning=clean(response.reasoning),
        refusal=clean(response.refusal),
        verbatim=clean(response.verbatim),
    )


def _calls(calls: tuple[ToolCall, ...], clean: Callable[[Any], Any]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(clean(one.name), clean(one.arguments), clean(one.result), clean(one.id)) for one in calls)


def _rounded(logprobs: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(float(value), _LOGPROB_DIGITS) + 0.0 for value in logprobs)  # + 0.0: never -0.0


def _encodable_value(value: Any) -> Any:
    """A JSON value without lone surrogates."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable(key): _encodable_value(inner) for key, inner in value.items()}
    return [_encodable_value(inner) for inner in value] if isinstance(value, list) else value


def encodable(text: str) -> str:
    """Return the text without lone surrogates, which no file can hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

"""A chat completion in the dialect of any known endpoint, read chunk by chunk or whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.errors import BilledError, ProviderError
from evalharness.providers.call_pieces import CallPieces, empty_fields
from evalharness.providers.citations import annotations_of, bounded, sources_of
from evalharness.providers.content import Content, content_of
from evalharness.providers.estimates import size_of
from evalharness.providers.finish import finish_reason, require_answer
from evalharness.providers.first_token import FirstToken
from evalharness.providers.parse import bounded_reasoning, from_json, join_text, json_object, text_of
from evalharness.providers.stream import Clock
from evalharness.providers.token_usage import chat_usage
from evalharness.records import Citation, FinishReason, Request, Response, ToolCall
from evalharness.redaction import shortened
from evalharness.wire import EndpointError, Event
from evalharness.wire.error_body import unwrapped
from evalharness.wire.statuses import error_in_stream


@dataclass(slots=True)
class ChatCompletion:
    """The response so far."""

    clock: Clock
    expects_usage: bool = False
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    reasoning_bytes: int = 0
    annotations: list[Citation] = field(default_factory=list)
    sources: tuple[Citation, ...] = ()
    """Of the markers in the text, from the last chunk that lists them."""
    refusal: list[str] = field(default_factory=list)
    calls: CallPieces = field(default_factory=CallPieces)
    finish: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    fingerprint: str = ""
    decides: bool = False
    """Whether the reply is a decision. Log-probabilities of other replies are not read."""
    begin: FirstToken = field(default_factory=FirstToken)

    def take_event(self, event: Event) -> bool:
        """Return whether this is the terminal marker. Raises ProviderError: an error in place of a chunk."""
        data = event.data.strip()
        if data == "[DONE]":
            self.clock.end()
            return True
        if event.name == "error":
            raise self._error(_json_or_message(data))
        if data:
            self._take(from_json(data))
        return False

    def take_whole(self, value: Any) -> None:
        """Take a response that is not streamed. Raises ProviderError."""
        self.clock.end()
        whole = json_object(unwrapped(value), "the response")
        self._take(whole, is_whole=True)
        if not whole.get("choices"):
            raise EndpointError(f"the response has no choices: {shortened(whole)}")
        if not self.finish:
            raise EndpointError("the response has no finish reason", kind="malformed")

    def is_complete(self) -> bool:
        """Whether nothing is missing, so that the end of the body can replace the terminal marker."""
        return bool(self.finish) and bool(self.usage or not self.expects_usage)

    def _take(self, value: Mapping[str, Any], *, is_whole: bool = False) -> None:
        if value.get("error") or "error" in (value.get("object"), value.get("type")):
            raise self._error(value)
        self.model = _label(value.get("model")) or self.model
        self.fingerprint = _label(value.get("system_fingerprint")) or self.fingerprint
        timings = value.get("timings")
        self.timings = timings if isinstance(timings, dict) else self.timings
        self.sources = sources_of(value) or self.sources
        choices = _choices(value)
        for usage in _reported_usages(value, choices):
            self.usage = json_object(usage, "usage")  # the last one counts
        for choice in choices:
            if not choice.get("index"):  # missing or null: the first
                self._take_choice(choice, is_whole=is_whole)

    def _take_choice(self, choice: Mapping[str, Any], *, is_whole: bool) -> None:
        if choice.get("error"):
            raise self._error(choice)
        message = _message(choice, is_whole=is_whole)
        content = content_of(message)
        if message is choice.get("message") and not is_whole:
            content = content._replace(text=self._from_message(content.text))
        if not (any(content) or self.text):
            content = _content_elsewhere(choice, message)
        is_repeated = message is choice.get("message") and bool(self.calls)
        calls = not is_repeated and self.calls.take_chat(message)
        if not is_whole and (content.text or content.reasoning or calls):
            self.clock.token()
        self._add(content)
        if self.decides:
            self.begin.take(choice)
        self.annotations += annotations_of(message)
        self.finish = text_of(choice.get("finish_reason"), "finish_reason") or self.finish
        if self.finish:
            self.clock.end()

    def _add(self, content: Content) -> None:
        if content.text:  # a chunk may hold millions of empty choices
            self.text.append(content.text)
        if content.reasoning:
            self.reasoning.append(content.reasoning)
            self.reasoning_bytes += size_of(content.reasoning)
        if content.refusal:
            self.refusal.append(content.refusal)

    def _from_message(self, text: str) -> str:
        """Return the part of the text that a stream adds by a whole message. Raises EndpointError: it is ambiguous."""
        if not text:
            return ""
        known = "".join(self.text)
        if known and text != known:
            raise EndpointError("choices: expected 'delta', got a 'message' that differs from the text so far")
        return "" if known else text

    def _error(self, value: Any) -> ProviderError:
        return error_in_stream(value, generated=bool(self.text) or self.reasoning_bytes > 0)

    def response(self, request: Request) -> Response:
        """Return the complete response.

        The words of a refusal are its text. Raises BilledError: the model calls a tool that the request does not offer,
        or returns only reasoning; EndpointError: it is incomplete.
        """
        finish, calls = self._ending(request)
        refusal = join_text(self.refusal)
        text = refusal or join_text(self.text)
        usage = chat_usage(self.usage, request, text + self.calls.text(), self.reasoning_bytes)
        if not (calls or refusal):
            require_answer(text, finish, usage, has_reasoning=self.reasoning_bytes > 0)
        hidden_tokens = 0 if self.reasoning_bytes else usage.reasoning_tokens
        timing = self.clock.timing(usage, self.timings, hidden_tokens=hidden_tokens)
        if refusal and request.choices:
            raise BilledError(f"no decision: the model refuses to respond: {shortened(refusal)}", kind="refused")
        decision = self.begin.decision(request, text)
        return Response(
            text,
            finish,
            usage,
            timing,
            self.model,
            self.fingerprint,
            tool_calls=calls,
            reasoning=bounded_reasoning(self.reasoning),
            refusal=refusal,
            citations=bounded(self.annotations or self.sources),
            empty=empty_fields(request, calls),
            decision=decision.probabilities,
            decided=decision.decided,
        )

    def _ending(self, request: Request) -> tuple[FinishReason, tuple[ToolCall, ...]]:
        if not request.tools:
            return finish_reason("tool_calls" if self.calls and self.finish else self.finish), ()
        return finish_reason(self.finish, calls=bool(self.calls)), self.calls.finished(request)


def _choices(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the choices of a chunk; a chunk without them holds token counts, or a notice of the endpoint."""
    choices = value.get("choices")
    if choices is None:
        return []
    if not isinstance(choices, list):
        raise EndpointError(f"choices: expected a list, got {shortened(choices)}")
    return [json_object(choice, "a choice") for choice in choices]


def _label(value: Any) -> str:
    """Return a text that only informs: a value of another type must not cost the answer."""
    return value if isinstance(value, str) else ""


def _message(choice: Mapping[str, Any], *, is_whole: bool) -> Mapping[str, Any]:
    """Return what a choice holds: `delta` in a stream, `message` in a whole response, and `text` in older APIs."""
    for name in ("message", "delta") if is_whole else ("delta", "message"):
        if choice.get(name):
            return json_object(choice[name], f"the {name}")
    return {"content": choice.get("text")}


def _content_elsewhere(choice: Mapping[str, Any], message: Mapping[str, Any]) -> Content:
    """Return the content of a choice whose `delta` or `message` has only a role."""
    others = [choice.get("message"), choice.get("delta"), {"content": choice.get("text")}]
    found = (content_of(other) for other in others if isinstance(other, Mapping) and other is not message)
    return next((content for content in found if any(content)), Content())


def _reported_usages(value: Mapping[str, Any], choices: list[dict[str, Any]]) -> Iterator[Any]:
    """Yield the token counts of a chunk: of the choice (Moonshot), of `x_groq` (Groq), or of the chunk itself."""
    holders = [*choices, value.get("x_groq"), value]
    yield from (holder["usage"] for holder in holders if isinstance(holder, Mapping) and holder.get("usage"))


def _json_or_message(data: str) -> Any:
    try:
        return from_json(data)
    except EndpointError:
        return {"message": data}

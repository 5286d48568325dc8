"""A message of Anthropic's API, read event by event or whole.

https://platform.claude.com/docs/en/build-with-claude/streaming and .../docs/en/api/messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evalharness.providers.call_pieces import CallPieces, empty_fields
from evalharness.providers.citations import bounded, cited_by
from evalharness.providers.claude_blocks import ClaudeBlocks
from evalharness.providers.estimates import size_of, with_estimates
from evalharness.providers.finish import finish_reason, require_answer
from evalharness.providers.parse import bounded_reasoning, from_json, join_text, json_object, text_of, token_count
from evalharness.providers.stream import Clock
from evalharness.records import Citation, FinishReason, Request, Response, ToolCall, Usage
from evalharness.wire import EndpointError, Event
from evalharness.wire.statuses import error_in_stream


@dataclass(slots=True)
class ClaudeMessage:
    """The message so far. Unknown events and blocks are ignored, as Anthropic's documentation requires."""

    clock: Clock
    text: list[str] = field(default_factory=list)
    chars: int = 0
    """Of the text so far."""
    cited: list[Citation] = field(default_factory=list)
    settled: int = 0
    """Number of citations whose block has ended."""
    block_start: int = 0
    """Characters of the text before the current block."""
    has_reasoning: bool = False
    reasoning: list[str] = field(default_factory=list)
    reasoning_bytes: int = 0
    refusal: str = ""
    calls: CallPieces = field(default_factory=CallPieces)
    blocks: ClaudeBlocks = field(default_factory=ClaudeBlocks)
    stop_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    model: str = ""

    def take_event(self, event: Event) -> bool:
        """Return whether this is the last event. Raises ProviderError: it is an error."""
        if not event.data.strip():
            return False
        value = from_json(event.data)
        kind = value.get("type")
        if kind == "message_stop":
            self.clock.end()
            return True
        if kind == "error":
            raise error_in_stream(value, generated=any(self.text) or self.has_reasoning)
        if kind == "message_start":
            self._begin(json_object(value.get("message"), "message"))
        elif kind == "content_block_start":
            self._take_block(json_object(value.get("content_block") or {}, "content_block"), value.get("index"))
        elif kind == "content_block_delta":
            self._take_delta(json_object(value.get("delta") or {}, "delta"), value.get("index"))
        elif kind == "message_delta":
            self._end(json_object(value.get("delta") or {}, "delta"))
            self._count(value)
        return False

    def take_whole(self, value: Any) -> None:
        """Take a message that is not streamed. Raises ProviderError."""
        self.clock.end()
        message = json_object(value, "the response")
        if message.get("type") == "error":
            raise error_in_stream(message, generated=False)
        blocks = message.get("content")
        if not isinstance(blocks, list):
            raise EndpointError("the response has no content")
        for index, block in enumerate(blocks):
            self._take_block(json_object(block, "a content block"), index)
        self._begin(message)
        self._end(message)
        if not self.stop_reason:
            raise EndpointError("the response has no stop reason")
        self.clock.first_token = None  # unknown

    def _begin(self, message: Mapping[str, Any]) -> None:
        self.model = text_of(message.get("model"), "model")
        self._count(message)

    def _end(self, delta: Mapping[str, Any]) -> None:
        self.stop_reason = text_of(delta.get("stop_reason"), "stop_reason") or self.stop_reason
        details = delta.get("stop_details")
        explanation = details.get("explanation") if isinstance(details, Mapping) else None
        self.refusal = explanation if isinstance(explanation, str) else self.refusal

    def _take_block(self, block: Mapping[str, Any], index: Any) -> None:
        """Take the start of a block, which is the whole block in a message that is not streamed."""
        self._end_block()
        self.blocks.begin(block)
        kind = block.get("type")
        if kind == "tool_use":
            name, given = text_of(block.get("name"), "name"), text_of(block.get("id"), "id")
            self.calls.begin(index, given, name, block.get("input"))
            self.clock.token()
        self.has_reasoning = self.has_reasoning or kind in ("thinking", "redacted_thinking")
        self._add(block, text=kind == "text")
        for one in block.get("citations") or () if isinstance(block.get("citations"), list) else ():
            self._cite(one)

    def _take_delta(self, delta: Mapping[str, Any], index: Any) -> None:
        self.blocks.add(delta)
        if delta.get("type") == "input_json_delta":
            self.calls.add(index, text_of(delta.get("partial_json"), "partial_json"))
        if delta.get("type") == "citations_delta":
            self._cite(delta.get("citation"))
        self._add(delta, text=delta.get("type") == "text_delta")

    def _add(self, part: Mapping[str, Any], *, text: bool) -> None:
        added = text_of(part.get("text"), "text") if text else ""
        thought = text_of(part.get("thinking"), "thinking")
        if added or thought:
            self.clock.token()
        if thought:
            self.reasoning.append(thought)
            self.reasoning_bytes += size_of(thought)
        self.text.append(added)
        self.chars += len(added)

    def _cite(self, value: Any) -> None:
        if found := cited_by(value):
            self.cited.append(found)

    def _end_block(self) -> None:
        """A citation supports the whole text of its block."""
        if self.chars > self.block_start:
            new = self.cited[self.settled :]
            self.cited[self.settled :] = [replace(one, start=self.block_start, end=self.chars) for one in new]
        self.settled, self.block_start = len(self.cited), self.chars

    def _count(self, holder: Mapping[str, Any]) -> None:
        """Keep the last count of each name: counts are cumulative."""
        found = json_object(holder.get("usage") or {}, "usage")
        self.usage.update({name: number for name, number in found.items() if number is not None})

    def response(self, request: Request) -> Response:
        """Return the complete response.

        The explanation of a refusal is its text. Raises BilledError: the model refuses without one, calls a tool that
        the request does not offer, or returns only reasoning; EndpointError: it is incomplete.
        """
        if not self.stop_reason:
            raise EndpointError("the stream ended without a stop reason", kind="truncated")
        if self.stop_reason == "refusal" and self.refusal:
            return self._refused(request)
        finish, calls = self._ending(request)
        text = join_text(self.text)
        usage = with_estimates(self._usage(), request, text + self.calls.text(), self.reasoning_bytes)
        if not calls:
            require_answer(text, finish, usage, has_reasoning=self.has_reasoning)
        self._end_block()
        return Response(
            text,
            finish,
            usage,
            self.clock.timing(usage, {}),
            self.model,
            tool_calls=calls,
            reasoning=bounded_reasoning(self.reasoning),
            citations=bounded(self.cited),
            empty=empty_fields(request, calls),
            verbatim=self.blocks.text(calls),
        )

    def _refused(self, request: Request) -> Response:
        """The explanation: the text before it is not an answer."""
        usage = with_estimates(self._usage(), request, self.refusal, self.reasoning_bytes)
        timing, thoughts = self.clock.timing(usage, {}), bounded_reasoning(self.reasoning)
        return Response(
            self.refusal,
            "stop",
            usage,
            timing,
            self.model,
            reasoning=thoughts,
            refusal=self.refusal,
            empty=empty_fields(request, ()),
        )

    def _ending(self, request: Request) -> tuple[FinishReason, tuple[ToolCall, ...]]:
        if not request.tools:
            return finish_reason("tool_use" if self.calls else self.stop_reason), ()
        return finish_reason(self.stop_reason, calls=bool(self.calls)), self.calls.finished(request)

    def _usage(self) -> Usage:
        """Return the token counts: `input_tokens` excludes those of the cache, `output_tokens` includes thinking."""
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
        uncached, read, written, generated = (token_count(self.usage.get(name), name) for name in names)
        details = json_object(self.usage.get("output_tokens_details") or {}, "output_tokens_details")
        thought = token_count(details.get("thinking_tokens"), "thinking_tokens")
        return Usage(uncached + read + written, generated, read, reasoning_tokens=thought, cache_write_tokens=written)

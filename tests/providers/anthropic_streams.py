"""Streams in the format of Anthropic's documentation (https://docs.claude.com/en/docs/build-with-claude/streaming)."""

from __future__ import annotations

import json
from typing import Any

Event = dict[str, Any]

MODEL = "claude-test-20260101"
PING: Event = {"type": "ping"}
STOP: Event = {"type": "message_stop"}


def sse(*events: Event) -> list[bytes]:
    """Each event as bytes on the wire, under its own name."""
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def start(**usage: Any) -> Event:
    """The start of the message, before any text."""
    empty = {"content": [], "stop_reason": None, "stop_sequence": None}
    named = {"id": "msg_test", "type": "message", "role": "assistant", "model": MODEL}
    return {"type": "message_start", "message": {**named, **empty, "usage": {"input_tokens": 25, **usage}}}


def end(stop_reason: str | None, output_tokens: int = 15, *, sequence: str | None = None, **usage: Any) -> Event:
    """The fields of the message as a whole; the counts are cumulative."""
    delta = {"stop_reason": stop_reason, "stop_sequence": sequence}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": output_tokens, **usage}}


def delta(index: int, kind: str, **value: str) -> Event:
    """A part of a content block."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **value}}


def block(index: int, content: dict[str, Any], *deltas: Event) -> list[Event]:
    """A content block with its parts."""
    started = {"type": "content_block_start", "index": index, "content_block": content}
    return [started, *deltas, {"type": "content_block_stop", "index": index}]


def text(index: int, *parts: str) -> list[Event]:
    """A block of text."""
    return block(index, {"type": "text", "text": ""}, *(delta(index, "text_delta", text=part) for part in parts))


THOUGHT = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    delta(0, "thinking_delta", thinking="27 is 3 times 9, "),
    delta(0, "thinking_delta", thinking="so 9."),
    delta(0, "signature_delta", signature="EqQBCgIYAhIM1gbcDa9GJwZA2b3h"),
)
TOOL = block(
    1,
    {"type": "tool_use", "id": "toolu_test", "name": "get_weather", "input": {}},
    delta(1, "input_json_delta", partial_json=""),
    delta(1, "input_json_delta", partial_json='{"location": "Par'),
    delta(1, "input_json_delta", partial_json='is"}'),
)
BASIC = [start(output_tokens=1), *text(0, "Hello", "!"), end("end_turn"), STOP]
PINGED = [start(output_tokens=1), BASIC[1], PING, *BASIC[2:4], PING, *BASIC[4:]]
THINKING = [start(output_tokens=3), *THOUGHT, *text(1, "Nine", "."), end("end_turn", 40), STOP]
TOOL_USE = [start(output_tokens=2), *text(0, "Let me look."), *TOOL, end("tool_use", 89), STOP]
CACHED = [
    start(cache_creation_input_tokens=300, cache_read_input_tokens=2000, output_tokens=1),
    *text(0, "From memory."),
    end("end_turn", 5),
    STOP,
]
COUNTED_TWICE = [
    start(cache_creation_input_tokens=5, cache_read_input_tokens=0, output_tokens=1),
    *text(0, "One"),
    end(None, 2, input_tokens=30),
    *text(1, " two"),
    end("end_turn", 6, input_tokens=10_682, cache_read_input_tokens=7, cache_creation_input_tokens=None),
    STOP,
]
UNKNOWN = [
    start(output_tokens=1),
    {"type": "content_block_hum", "delta": {"type": "text_delta", "text": "no"}},
    *block(0, {"type": "hologram"}, delta(0, "hologram_delta", text="no")),
    *text(1, "Hello", "!"),
    {"type": "message_mood", "message": {"model": "no", "usage": {"input_tokens": 999}}},
    end("end_turn"),
    STOP,
]
EMPTY = [start(output_tokens=1), end("end_turn", 2), STOP]
OVERLOADED: Event = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
BROKEN: Event = {"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}


def ended(stop_reason: str) -> list[Event]:
    """A message with this stop reason."""
    return [start(output_tokens=1), *text(0, "Hello", "!"), end(stop_reason), STOP]

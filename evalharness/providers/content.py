"""The content of a message: a text, or a list of typed parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from evalharness.errors import BilledError
from evalharness.providers.parse import json_object, text_of
from evalharness.redaction import shortened

_TEXT, _IGNORED = ("text", "output_text"), ("reference", "redacted_thinking")
_REASONING = ("thinking", "reasoning", "reasoning_text")
_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "summary", "reasoning_details")
"""Where endpoints put reasoning: DeepSeek and vLLM, OpenRouter and Ollama, Mistral and Anthropic, Databricks;
gateways to OpenRouter that keep only the details."""


class Content(NamedTuple):
    """The texts of a message or a part of it."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""


def content_of(message: Mapping[str, Any]) -> Content:
    """Return the texts of a message; parts of the same kind are joined.

    Raises BilledError: a part is neither text nor reasoning; EndpointError: the content is malformed.
    """
    value = message.get("content")
    parts = _joined(value) if isinstance(value, list) else Content(text_of(value, "content"))
    refusal = text_of(message.get("refusal"), "refusal")
    return Content(parts.text, parts.reasoning + _reasoning(message), parts.refusal + refusal)


def _joined(values: list[Any]) -> Content:
    return Content(*map("".join, zip(*_parts(values), strict=True))) if values else Content()


def _parts(values: list[Any]) -> Iterator[Content]:
    for value in values:
        part = json_object(value, "a part of the content")
        kind = part.get("type", "text")
        if kind in _TEXT:
            yield Content(text=text_of(part.get("text"), "text"))
        elif kind in _REASONING:
            yield Content(reasoning=_reasoning(part) or text_of(part.get("text"), "text"))
        elif kind == "refusal":
            yield Content(refusal=text_of(part.get("refusal"), "refusal"))
        elif kind not in _IGNORED:
            raise BilledError(f"content: expected text, got a part of type {shortened(kind, 60)!r}", kind="not text")


def _reasoning(holder: Mapping[str, Any]) -> str:
    """Return the reasoning of a message or a part, from the first field that holds some."""
    for name in _REASONING_FIELDS:
        if (value := holder.get(name)) and (text := _texts(value)):
            return text
    return ""


def _texts(value: Any) -> str:
    """Return a text, or the joined texts of a list of parts; "" for anything else: reasoning is not the answer."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    parts = [part for part in value if isinstance(part, dict)]
    return "".join(text for part in parts if isinstance(text := part.get("text") or part.get("summary"), str))

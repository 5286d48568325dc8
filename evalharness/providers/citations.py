"""Citations of a response: where they are in each format. A malformed one is left out, and costs no answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from evalharness.records import Citation

_MOST = 1_000
"""Of one response."""
_SOURCES = ("url", "source", "file_id", "filename", "document_index")
"""Fields that name a source: an address, a search result or a file, a document by its number."""


def annotations_of(message: Mapping[str, Any]) -> Iterator[Citation]:
    """Yield the annotations of a chat message and of its parts.

    https://platform.openai.com/docs/guides/tools-web-search and https://openrouter.ai/docs/features/web-search.
    """
    for holder in (message, *_mappings(message.get("content"))):
        for one in _mappings(holder.get("annotations")):
            inner = one.get(str(one.get("type")))
            if found := _citation(inner if isinstance(inner, Mapping) else one):
                yield found


def sources_of(chunk: Mapping[str, Any]) -> tuple[Citation, ...]:
    """Return the sources that a chunk lists for the markers `[1]`, `[2]`, ... of the text.

    https://docs.perplexity.ai/api-reference/chat-completions-post; xAI lists addresses in the same way.
    """
    named = {one.source: one for one in map(_citation, _mappings(chunk.get("search_results"))) if one}
    addresses = chunk.get("citations")
    if not isinstance(addresses, list) or not addresses:
        return tuple(named.values())
    return tuple(named.get(one, Citation(one)) for one in addresses[:_MOST] if isinstance(one, str) and one)


def cited_by(value: Any) -> Citation | None:
    """Return one citation of a text block of Anthropic; None for anything else.

    https://platform.claude.com/docs/en/build-with-claude/citations.
    """
    return _citation(value) if isinstance(value, Mapping) else None


def bounded(citations: Iterable[Citation]) -> tuple[Citation, ...]:
    """Return the citations, each once and at most 1,000."""
    return tuple(dict.fromkeys(citations))[:_MOST]


def _citation(value: Mapping[str, Any]) -> Citation | None:
    source = next((str(value[name]) for name in _SOURCES if _is_name(value.get(name))), "")
    title = _text(value, "title") or _text(value, "document_title")
    if not source and not title:
        return None
    quote = _text(value, "cited_text") or _text(value, "quote") or _text(value, "content")
    found = Citation(source or title, title, quote)
    start, end = value.get("start_index"), value.get("end_index")
    is_span = type(start) is int and type(end) is int and 0 <= start < end
    return replace(found, start=start, end=end) if is_span else found


def _is_name(value: Any) -> bool:
    return (isinstance(value, str) and bool(value)) or type(value) is int


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []

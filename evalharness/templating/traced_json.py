"""The JSON filter of chat templates: the text of `json.dumps`, with the origins of the values in it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from typing import Any

from jinja2.exceptions import SecurityError

from evalharness.templating.filters import check_needles
from evalharness.templating.provenance import TracedText, concatenate, runs, traced


def to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Sequence[str] | None = None,
    sort_keys: bool = False,
) -> TracedText:
    """JSON for a prompt: the filter `tojson` of `transformers`, without the HTML escapes of jinja2's own."""
    if indent is not None and not (isinstance(indent, int) and 0 <= indent <= 16):
        raise SecurityError("tojson: indent must be an integer from 0 to 16")
    check_needles(separators or ())
    mark, kept = secrets.token_hex(8), list[TracedText]()
    marked = _marked(value, mark, kept)
    layout: dict[str, Any] = {"indent": indent, "separators": separators, "sort_keys": sort_keys}
    parts = re.split(f"{mark}:([0-9]+);", json.dumps(marked, ensure_ascii=ensure_ascii, **layout))
    return concatenate(
        _escaped(kept[int(part)], ensure_ascii) if odd % 2 else traced(part) for odd, part in enumerate(parts)
    )


def _marked(value: Any, mark: str, kept: list[TracedText]) -> Any:
    """The value with a placeholder for each traced text, which is added to `kept`."""
    if isinstance(value, TracedText):
        kept.append(value)
        return f"{mark}:{len(kept) - 1};"
    if isinstance(value, list | tuple):
        return [_marked(item, mark, kept) for item in value]
    if isinstance(value, dict):
        return {_marked(key, mark, kept): _marked(item, mark, kept) for key, item in value.items()}
    return value


def _escaped(text: TracedText, ensure_ascii: bool) -> TracedText:
    """The text between the quotes of its JSON."""
    return concatenate(traced(json.dumps(part, ensure_ascii=ensure_ascii)[1:-1], origin) for part, origin in runs(text))

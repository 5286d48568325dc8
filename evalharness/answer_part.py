"""The part of an answer that a check or a metric looks at: `at: $.data.answer`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from evalharness.errors import ConfigError, did_you_mean
from evalharness.json_path import JsonPath, parse_path
from evalharness.records import Response

FIELDS = ("text", "data", "contexts", "tool_calls", "turns", "reasoning", "refusal", "citations")
"""What the first step of a path can name."""
MOST_CHARS = 200_000
"""Of the part. A metric would take too long over more."""


class NoPartError(Exception):
    """The answer has nothing at the path: the text says what is there."""


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A path in an answer, checked."""

    path: JsonPath

    @property
    def beyond(self) -> tuple[str, ...]:
        """What it reads that a baseline does not keep of an accepted answer."""
        return () if self.path.steps == ("text",) else (str(self.path.steps[0]),)

    def of(self, response: Response) -> str:
        """Return the text at the path, or the JSON of any other value; with `[*]`, the texts line by line.

        Raises NoPartError.
        """
        answer = {"text": response.text, **response.added()}
        found = [one for one in self.path.find(answer) if one is not None]
        if not found:
            why = self.path.why_missing(answer) or "it is null"
            raise NoPartError(f"{self.path.text} finds nothing: {why}")
        text = _text(found[0]) if None not in self.path.steps else _joined(found)
        if len(text) > MOST_CHARS:
            raise NoPartError(f"{self.path.text} has {len(text):,} characters, expected at most {MOST_CHARS:,}")
        return text


def _joined(found: list[Any]) -> str:
    return "\n".join(found) if all(isinstance(one, str) for one in found) else _text(found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def answer_part(text: Any) -> AnswerPart:
    """Return the part that a path names. Raises ConfigError: no JSONPath, or one that no answer has."""
    path = parse_path(text, "at")
    first = path.steps[0] if path.steps else None
    if first not in FIELDS:
        hint = did_you_mean(first, FIELDS) if isinstance(first, str) else f": {', '.join(FIELDS)}"
        raise ConfigError(f"at: expected a field of the answer after '$', got {path.text!r}{hint}")
    return AnswerPart(path)

"""A streamed answer of an application: server-sent events, or one JSON value a line (NDJSON)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from evalharness.application.answer_paths import AnswerPaths, raise_error
from evalharness.application.json_text import json_of
from evalharness.errors import BilledError, ConfigError
from evalharness.json_path import MISSING, JsonPath, keys_of, parse_path
from evalharness.providers.parse import join_text
from evalharness.providers.stream import Clock, read_to_end
from evalharness.redaction import shortened
from evalharness.wire import EndpointError, Event, HttpResponse

DONE = "[DONE]"
"""OpenAI's marker, which ends every stream."""
_BOM = b"\xef\xbb\xbf"


class EndMarker:
    """How a stream ends: `[DONE]` as data, `event:NAME`, a JSONPath that finds true, or "" for the end of the body."""

    def __init__(self, given: str) -> None:
        """Raises ConfigError: an invalid path, or no name of an event."""
        self.text = given
        self._path = parse_path(given, "end") if given.startswith("$") else None
        self._event = given.removeprefix("event:").strip() if given.startswith("event:") else ""
        if given.startswith("event:") and not self._event:
            raise ConfigError("end: expected event:NAME, such as 'event:done'")

    @property
    def needs_json(self) -> bool:
        """Whether only the value of an event shows the end."""
        return self._path is not None

    def is_at(self, event: Event) -> bool:
        """Return whether this event, before its data are read, is the end."""
        return event.data.strip() in (DONE, self.text) or (self._event != "" and event.name == self._event)

    def is_in(self, value: Any) -> bool:
        """Return whether the value of an event marks the end."""
        return self._path is not None and self._path.first(value) not in (MISSING, None, False, "", 0)


@dataclass(slots=True)
class AnswerStream:
    """One answer as it arrives."""

    clock: Clock
    delta: JsonPath | None
    """Where an event has its part of the text; None: the data of an event are text."""
    paths: AnswerPaths
    end: EndMarker
    _texts: list[str] = field(default_factory=list)
    _found: dict[str, Any] = field(default_factory=dict)
    _events: int = 0
    _last: Any = None

    def take(self, event: Event) -> bool:
        """Take an event; True for the last one. Raises EndpointError, BilledError."""
        if event.name == "error":
            raise_error({"error": event.data or "an event named error"})
        is_last = self.end.is_at(event)
        if not is_last or (self.delta and event.data.lstrip().startswith("{")):
            value = event.data if self.delta is None else json_of(event.data, "an event of the stream")
            self._add(value)
            is_last = is_last or self.end.is_in(value)
        if is_last:
            self.clock.end()
        return is_last

    def _add(self, value: Any) -> None:
        self._events += 1
        self._last = value
        part = self.delta.joined(value) if self.delta else value
        if part is not MISSING and part is not None:
            if not isinstance(part, str):
                raise EndpointError(f"delta: expected a string, got {shortened(repr(part), 60)}")
            self._texts.append(part)
            if part:
                self.clock.token()
        self.paths.collect(self._found, value)
        raise_error(self._found)

    def answer(self) -> dict[str, Any]:
        """Return the whole answer. Raises BilledError: no event has text."""
        found = self.paths.without_calls() | self._found
        if not self._texts and "refusal" not in found and "data" not in found:
            path = self.delta.text if self.delta else "the stream"
            shown = keys_of(self._last) if isinstance(self._last, dict) else shortened(repr(self._last), 60)
            last = f"; the last one has {shown}" if self._events else ""
            raise BilledError(f"delta: {path} finds nothing in {self._events} events{last}", kind="answer")
        return {**found, "text": join_text(self._texts)} if self._texts else found


async def read_lines(response: HttpResponse, take: Callable[[Event], bool], *, needs_end: bool) -> None:
    """Pass each line to `take` until it returns True.

    `needs_end`: the end of the body cannot replace the last line. Raises EndpointError: the body ends earlier.
    """
    waiting: list[bytes] = []
    chunks, is_first = response.chunks(), True
    async for chunk in chunks:
        waiting.append(chunk.removeprefix(_BOM) if is_first else chunk)
        is_first = False
        if b"\n" not in chunk:
            continue
        *lines, rest = b"".join(waiting).split(b"\n")
        waiting = [rest]
        if any(take(event) for line in lines if (event := _event(line))):
            await read_to_end(chunks)
            return
    if (event := _event(b"".join(waiting))) and take(event):
        return
    if needs_end or not response.is_framed:
        raise EndpointError("the stream ended before its terminal marker", kind="truncated")


def _event(line: bytes) -> Event | None:
    """A line that is not blank."""
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as error:
        raise EndpointError(f"the response is not UTF-8: {error.reason}") from None
    return Event("message", text) if text else None

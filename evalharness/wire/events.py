"""Server-sent events from bytes, by the HTML standard, section 9.2.6, "Interpreting an event stream".

The events do not depend on how the bytes are split into chunks. An event ends with a blank line: an event that the end
of the stream cuts off is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


class Event(NamedTuple):
    """One event. The fields `id` and `retry` are ignored: this client does not reconnect."""

    name: str
    data: str


class EventReader:
    """Parses a body chunk by chunk."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_cr = self._begun = False
        self._first = b""
        self._name, self._data = "", list[str]()

    @property
    def is_something_else(self) -> bool:
        """Whether the body does not start like an event stream."""
        return not any(field.startswith(self._first[: len(field)]) for field in _FIELDS)

    @property
    def unfinished(self) -> str:
        """The data of the last event, if no blank line ends it yet; a line without its end is unparsed."""
        return "\n".join([*self._data, self._rest.decode("utf-8", "replace")]).strip()

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that this chunk completes. Raises UnicodeDecodeError: the data are not UTF-8."""
        if len(self._first) < 8:
            self._first = (self._first + chunk[:16]).removeprefix(_BOM).lstrip(b"\r\n")
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in chunk:
            self._rest += chunk
            return
        lines = (bytes(self._rest) + chunk).split(b"\n")
        self._rest = bytearray(lines.pop())
        for line in lines:
            if event := self._read(line):
                yield event

    def _read(self, line: bytes) -> Event | None:
        if not self._begun:
            self._begun, line = True, line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value.decode())
        elif field == b"event":
            self._name = value.decode()
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._name or "message", "\n".join(self._data)) if self._data else None
        self._name, self._data = "", []
        return event

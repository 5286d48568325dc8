"""What a child process prints: the first lines are passed on, the end is kept, the rest is dropped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO

MOST_LINES, _LINE_BYTES, _KEPT_BYTES = 200, 1_000, 4_000
_LAST_S = 0.5
"""Seconds to wait for the end of the output of a process that has ended; its own children may keep the pipe open."""


class ChildOutput:
    """Reads a pipe until it closes, so that a process that prints gigabytes neither blocks nor fills the memory."""

    def __init__(self, pipe: IO[bytes], on_line: Callable[[str], None]) -> None:
        """Start to read. `on_line`: called in the reading thread with each of the first 200 lines."""
        self._pipe, self._on_line, self._lines_left = pipe, on_line, MOST_LINES
        self._end = self._line = b""
        self._thread = threading.Thread(target=self._read, daemon=True, name="evalharness-output")
        self._thread.start()

    def forget(self) -> None:
        """Drop what was printed so far: it does not explain a crash of what follows."""
        self._end = b""

    def tail(self) -> bytes:
        """The last bytes. Call it once the process has ended."""
        self._thread.join(_LAST_S)
        return self._end

    def close(self) -> None:
        """Close the pipe, unless a process still writes to it: then the thread closes it at its end."""
        self._thread.join(_LAST_S)

    def _read(self) -> None:
        with suppress(OSError, ValueError), self._pipe as pipe:
            while data := os.read(pipe.fileno(), 1 << 16):
                self._end = (self._end + data)[-_KEPT_BYTES:]
                if self._lines_left:
                    self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[:_LINE_BYTES]
        for line in lines[: self._lines_left]:
            self._lines_left -= 1
            self._on_line(line[:_LINE_BYTES].decode("utf-8", "replace"))
        if not self._lines_left:
            self._on_line("further output is not logged")

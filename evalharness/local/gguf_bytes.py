"""The bytes of a GGUF header, one after another, within bounds: of length, of number, of time."""

from __future__ import annotations

import struct
import time
from functools import lru_cache
from typing import Any, BinaryIO

MOST_HEADER_BYTES = 64_000_000
"""That of a model with 262,144 tokens has 6 MB."""
MOST_STRINGS = 2_000_000
"""In all arrays together; 600,000 is a lot."""
MOST_S = 30.0
"""For the whole header, on a disk that is slow."""
_CHUNK_BYTES = 262_144
_LENGTH = struct.Struct("<Q")


class Damaged(Exception):
    """What is wrong with the file, as the rest of a sentence that begins with its name."""


class GgufBytes:
    """A place in the file, and what is read from there on. Every method raises Damaged, or OSError."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size
        self._chunk, self._start, self._at = b"", 0, 0
        self._strings = 0
        self._until = time.monotonic() + MOST_S

    @property
    def position(self) -> int:
        """Bytes from the beginning of the file."""
        return self._start + self._at

    def take(self, count: int) -> bytes:
        """The next bytes: at most a megabyte, the caller sees to that."""
        self._have(count)
        self._at += count
        return self._chunk[self._at - count : self._at]

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        self._at += count
        self._check(0)

    def number(self, form: str) -> Any:
        """One number, as struct reads it."""
        return _struct(form).unpack(self.take(self.width(form)))[0]

    def numbers(self, form: str, count: int) -> tuple[Any, ...]:
        """So many of them."""
        return _struct(f"<{count}{form[1]}").unpack(self.take(count * self.width(form)))

    def width(self, form: str) -> int:
        """Bytes of such a number."""
        return _struct(form).size

    def text(self, most_bytes: int, what: str) -> str:
        """A string; what is not UTF-8 is marked as such."""
        length = self.number("<Q")
        if length > most_bytes:
            raise Damaged(f"says that {what} has {length} bytes: at most {most_bytes:,} can be read")
        return self.take(length).decode("utf-8", "replace")

    def pass_strings(self, count: int) -> None:
        """Pass over so many strings; a loop without calls, for a vocabulary has hundreds of thousands."""
        self._strings += count
        if self._strings > MOST_STRINGS:
            raise Damaged(f"says it has an array of {count} strings: at most {MOST_STRINGS:,} in all can be read")
        unpack, chunk, at = _LENGTH.unpack_from, self._chunk, self._at
        for _ in range(count):
            if at + 8 > len(chunk):
                self._at = at
                self._have(8)
                chunk, at = self._chunk, self._at
            at += 8 + unpack(chunk, at)[0]
        self._at = at
        self._check(0)

    def _have(self, count: int) -> None:
        if self._at + count <= len(self._chunk):
            return
        self._check(count)
        self._start, self._at = self.position, 0
        self._file.seek(self._start)
        self._chunk = self._file.read(max(count, _CHUNK_BYTES))
        if len(self._chunk) < count:
            raise Damaged(f"is cut off: its header ends at byte {self._start + len(self._chunk):,}")

    def _check(self, count: int) -> None:
        end = self.position + count
        if end > self.size:
            raise Damaged(f"is cut off, or damaged: its header goes on to byte {end:,}, the file ends at {self.size:,}")
        if end > MOST_HEADER_BYTES:
            raise Damaged(f"has a header of more than {MOST_HEADER_BYTES / 1e6:.0f} MB")
        if time.monotonic() > self._until:
            raise Damaged(f"could not be read within {MOST_S:g} s")


@lru_cache(maxsize=64)
def _struct(form: str) -> struct.Struct:
    return struct.Struct(form)

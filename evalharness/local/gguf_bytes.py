"""A reader for the bytes of a GGUF header, bounded in length, count and time."""

from __future__ import annotations

import struct
import time
from functools import lru_cache
from typing import Any, BinaryIO

MAX_HEADER_BYTES = 64_000_000
"""The header of a model with 262,144 tokens has 6 MB."""
MAX_STRINGS = 2_000_000
"""Strings of all arrays together; large vocabularies have 600,000."""
MAX_READ_S = 30.0
"""Seconds for the whole header, enough for a slow disk."""
_CHUNK_BYTES = 262_144
_LENGTH = struct.Struct("<Q")


class Damaged(Exception):
    """A defect of the file, phrased to follow its name: "is truncated"."""


class GgufBytes:
    """A position in the file and the values after it.

    Every method raises Damaged or OSError.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        """`size`: bytes of the whole file."""
        self._file, self.size = file, size
        self._chunk, self._start, self._at = b"", 0, 0
        self._strings = 0
        self._until = time.monotonic() + MAX_READ_S

    @property
    def position(self) -> int:
        """Bytes from the start of the file."""
        return self._start + self._at

    def take(self, count: int) -> bytes:
        """The next bytes. The caller bounds `count` to about a megabyte."""
        self._fill(count)
        self._at += count
        return self._chunk[self._at - count : self._at]

    def skip(self, count: int) -> None:
        """Skip so many bytes."""
        self._at += count
        self._check(0)

    def number(self, form: str) -> Any:
        """A number. `form`: its format for the module struct."""
        return _struct(form).unpack(self.take(self.width(form)))[0]

    def numbers(self, form: str, count: int) -> tuple[Any, ...]:
        """So many numbers of the same format."""
        return _struct(f"<{count}{form[1]}").unpack(self.take(count * self.width(form)))

    def width(self, form: str) -> int:
        """Bytes of a number of this format."""
        return _struct(form).size

    def text(self, max_bytes: int, what: str) -> str:
        """A string, with replacement characters for invalid UTF-8.

        `what`: its name in errors.
        """
        length = self.number("<Q")
        if length > max_bytes:
            raise Damaged(f"declares {length} bytes for {what}: expected at most {max_bytes:,}")
        return self.take(length).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Skip so many strings."""
        self._strings += count
        if self._strings > MAX_STRINGS:
            raise Damaged(f"declares an array of {count} strings: expected at most {MAX_STRINGS:,} in the header")
        unpack, chunk, at = _LENGTH.unpack_from, self._chunk, self._at
        for _ in range(count):  # without method calls, because a vocabulary has hundreds of thousands of strings
            if at + 8 > len(chunk):
                self._at = at
                self._fill(8)
                chunk, at = self._chunk, self._at
            at += 8 + unpack(chunk, at)[0]
        self._at = at
        self._check(0)

    def _fill(self, count: int) -> None:
        """Make sure that the chunk holds the next `count` bytes."""
        if self._at + count <= len(self._chunk):
            return
        self._check(count)
        self._start, self._at = self.position, 0
        self._file.seek(self._start)
        self._chunk = self._file.read(max(count, _CHUNK_BYTES))
        if len(self._chunk) < count:
            raise Damaged(f"is truncated: the file ends at byte {self._start + len(self._chunk):,}, within its header")

    def _check(self, count: int) -> None:
        end = self.position + count
        if end > self.size:
            raise Damaged(
                f"is truncated or damaged: the header extends to byte {end:,}, but the file ends at byte {self.size:,}"
            )
        if end > MAX_HEADER_BYTES:
            raise Damaged(f"has a header of more than {MAX_HEADER_BYTES / 1e6:.0f} MB")
        if time.monotonic() > self._until:
            raise Damaged(f"could not be read within {MAX_READ_S:g} s")


@lru_cache(maxsize=64)
def _struct(form: str) -> struct.Struct:
    return struct.Struct(form)

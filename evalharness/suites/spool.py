"""Values on disk, for what is too much to hold in memory."""

from __future__ import annotations

import itertools
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic_core import from_json, to_json

from evalharness.errors import StoreError

_BLOCK = 16_384
"""Bytes that the access to a value reads, for those that follow."""
_AT_ONCE = 500
"""Values that an iteration reads at once."""


class Spool:
    """Values in a file without a name, which no other process can open, and which is gone when this one ends."""

    def __init__(self, values: Iterable[Any]) -> None:
        """Write the values, as JSON has them: tuples become lists. Raises StoreError if the disk is full.

        The JSON of pydantic takes a fifth of the time of that of Python.
        """
        self._ends = array("Q", [0])
        self._block = (0, b"")
        """The bytes that were read last, and the place of the first one."""
        try:
            self._handle = self._written(values)
        except OSError as error:
            folder = tempfile.gettempdir()
            raise StoreError(f"{folder}: the temporary file of a large suite cannot be written: {error}") from None
        weakref.finalize(self, os.close, self._handle)

    def _written(self, values: Iterable[Any]) -> int:
        """Write the values. Returns the handle of the file."""
        with tempfile.TemporaryFile() as file:
            for value in values:
                data = to_json(value)
                self._ends.append(self._ends[-1] + len(data))
                file.write(data)
            file.flush()
            return os.dup(file.fileno())

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> Any:
        """The value at a place, from 0. From any thread."""
        start, end = self._ends[place], self._ends[place + 1]
        first, data = self._block
        if start < first or end > first + len(data):  # most accesses follow each other
            first, data = self._block = start, os.pread(self._handle, max(end - start, _BLOCK), start)
        return from_json(data[start - first : end - first])

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self._read(start, min(start + _AT_ONCE, len(self)))

    def _read(self, start: int, end: int) -> list[Any]:
        first = self._ends[start]
        data = os.pread(self._handle, self._ends[end] - first, first)
        bounds = [one - first for one in self._ends[start : end + 1]]
        return [from_json(data[a:b]) for a, b in itertools.pairwise(bounds)]

"""Values on disk, for what is too much to hold in memory."""

from __future__ import annotations

import itertools
import marshal
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from evalharness.errors import StoreError

_AT_ONCE = 500
"""Values that an iteration reads at once."""


class Spool:
    """Values in a file without a name, which no other process can open, and which is gone when this one ends."""

    def __init__(self, values: Iterable[Any]) -> None:
        """Write the values: plain ones, of the types that JSON has, and tuples. Raises StoreError if the disk is full.

        The format is that of the module `marshal`, which takes a tenth of the time of JSON. No other process can have
        written to the file, so that nothing of another version of Python, and nothing damaged is read.
        """
        self._ends = array("Q", [0])
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
                data = marshal.dumps(value)
                self._ends.append(self._ends[-1] + len(data))
                file.write(data)
            file.flush()
            return os.dup(file.fileno())

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> Any:
        """The value at a place, from 0. From any thread."""
        start, end = self._ends[place], self._ends[place + 1]
        return marshal.loads(os.pread(self._handle, end - start, start))  # noqa: S302 - written by this process

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self._read(start, min(start + _AT_ONCE, len(self)))

    def _read(self, start: int, end: int) -> list[Any]:
        first = self._ends[start]
        data = os.pread(self._handle, self._ends[end] - first, first)
        bounds = [one - first for one in self._ends[start : end + 1]]
        return [marshal.loads(data[a:b]) for a, b in itertools.pairwise(bounds)]  # noqa: S302

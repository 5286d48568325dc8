"""A model without llama.cpp: the next token is a sum over all tokens of its sequence, so that any wrong one shows."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

import numpy as np

from evalharness.errors import ProviderError
from evalharness.local.native import Row

WORDS, END = 50, 1
CRASH = 1_000
"""A token whose decoding crashes the process. The model never samples it."""


class FakeNative:
    """The interface of evalharness.local.native.Native. It records each step and each capacity."""

    tokens = WORDS

    def __init__(self, sequences: int, max_capacity: int = 100) -> None:
        self.capacities: list[int] = []
        self.capacity, self.max_capacity = 0, max_capacity
        self.contents: list[list[int]] = [[] for _ in range(sequences)]
        self.decoded: list[list[Row]] = []
        self._next: dict[int, int] = {}

    @property
    def steps(self) -> int:
        """Number of decode steps so far."""
        return len(self.decoded)

    def resize(self, capacity: int) -> None:
        """Set the capacity and empty all sequences."""
        self.capacities.append(capacity)
        self.capacity = 0
        if capacity > self.max_capacity:
            raise ProviderError("not enough memory", kind="load")
        self.capacity = capacity
        self.contents = [[] for _ in self.contents]

    def decode(self, rows: Sequence[Row]) -> None:
        """Append rows; each must follow the contents of its sequence."""
        self.decoded.append(list(rows))
        self._next = {}
        for i, row in enumerate(rows):
            contents = self.contents[row.sequence]
            assert row.position == len(contents), (row, contents)
            contents.append(row.token)
            assert len(contents) <= self.capacity
            if row.token == CRASH:
                os.kill(os.getpid(), signal.SIGSEGV)
            if row.logits:
                self._next[i] = sum(n * token for n, token in enumerate(contents, start=1)) % WORDS

    def logits(self, row: int) -> Any:
        """Logits in which one token is likely."""
        found = np.zeros(WORDS, dtype=np.float32)
        found[self._next[row]] = 5.0
        return found

    def copy(self, source: int, to: int) -> None:
        """Copy the contents of a sequence."""
        self.contents[to] = list(self.contents[source])

    def truncate(self, sequence: int, length: int = 0) -> None:
        """Keep the first tokens of a sequence."""
        del self.contents[sequence][length:]

    def ends(self, token: int) -> bool:
        """Whether the token is END."""
        return token == END

    def piece(self, token: int) -> bytes:
        """The token's number as text."""
        return f"{token} ".encode()

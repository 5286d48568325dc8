"""A clock that counts the events of an answer: it shows their order on a machine of any speed."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from evalharness.wire import Event, EventReader


def count_events(patch: pytest.MonkeyPatch) -> None:
    """Replace the clock: a second passes with each event that is read, and never else."""
    read = 0

    class Counting(EventReader):
        def feed(self, chunk: bytes) -> Iterator[Event]:
            nonlocal read
            for event in super().feed(chunk):
                read += 1
                yield event

    patch.setattr("evalharness.providers.stream.EventReader", Counting)
    patch.setattr("evalharness.providers.stream.time", SimpleNamespace(perf_counter=lambda: float(read)))

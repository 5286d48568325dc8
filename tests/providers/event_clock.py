"""A clock that counts the events of an answer: which one came first is known, however busy the machine is."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from evalharness.wire import Event, EventReader


def count_events(patch: pytest.MonkeyPatch) -> None:
    """From now on a second passes with each event that is read, and at no other time."""
    read = 0

    class Counting(EventReader):
        def feed(self, chunk: bytes) -> Iterator[Event]:
            nonlocal read
            for event in super().feed(chunk):
                read += 1
                yield event

    patch.setattr("evalharness.providers.stream.EventReader", Counting)
    patch.setattr("evalharness.providers.stream.time", SimpleNamespace(perf_counter=lambda: float(read)))

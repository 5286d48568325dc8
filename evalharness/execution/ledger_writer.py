"""Writes to the ledger for an event loop: entries that arrive together are committed together, in one thread."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress

from evalharness.errors import ModelUnavailableError
from evalharness.store.ledger import Grant, Intent, Ledger, Settlement

_Entry = tuple[Intent | Settlement, "asyncio.Future[tuple[Grant, int]] | None"]


class LedgerWriter:
    """Writes for one event loop. A ledger that fails ends the run: a response that is not kept would be paid twice."""

    def __init__(self, ledger: Ledger, run: str, loop: asyncio.AbstractEventLoop) -> None:
        self.ledger, self.run, self._loop = ledger, run, loop
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, daemon=True, name="evalharness-ledger")
        self._thread.start()

    async def enter(self, entry: Intent | Settlement) -> tuple[Grant, int]:
        """Write an entry; returns once it is on the disk. Raises ModelUnavailableError."""
        done: asyncio.Future[tuple[Grant, int]] = self._loop.create_future()
        self._entries.put((entry, done))
        return await done

    def enter_last(self, entry: Settlement) -> None:
        """Write an entry without waiting for it, at the end of a run."""
        self._entries.put((entry, None))

    def close(self) -> None:
        """Write the remaining entries and end the thread."""
        self._entries.put(None)
        self._thread.join(timeout=30)

    def _write_all(self) -> None:
        while (first := self._entries.get()) is not None:
            entries, last = self._gathered(first)
            self._write(entries)
            if last:
                return

    def _gathered(self, first: _Entry) -> tuple[list[_Entry], bool]:
        entries = [first]
        with suppress(queue.Empty):
            while (entry := self._entries.get_nowait()) is not None:
                entries.append(entry)
            return entries, True
        return entries, False

    def _write(self, entries: Sequence[_Entry]) -> None:
        try:
            answers = self.ledger.commit(self.run, [entry for entry, _ in entries])
        except Exception as error:  # each entry has a waiting request
            self._deliver(_fail, [done for _, done in entries], error)
        else:
            self._deliver(_settle, [done for _, done in entries], answers)

    def _deliver(self, deliver: object, *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it the caller
            self._loop.call_soon_threadsafe(deliver, *arguments)  # type: ignore[arg-type]


def _settle(waiting: Sequence[asyncio.Future[tuple[Grant, int]] | None], answers: Sequence[tuple[Grant, int]]) -> None:
    for done, answer in zip(waiting, answers, strict=True):
        if done is not None and not done.done():
            done.set_result(answer)


def _fail(waiting: Sequence[asyncio.Future[tuple[Grant, int]] | None], error: Exception) -> None:
    for done in waiting:
        if done is not None and not done.done():
            done.set_exception(ModelUnavailableError(f"the ledger cannot be written: {error}", kind="ledger"))

"""Which process keeps which conversation, so that each turn goes where the turns before it went.

A conversation that was interrupted by the crash of a shared process starts again in a process of its own: a second
crash there has a certain cause, and costs no other conversation.
"""

from __future__ import annotations

from collections.abc import Callable

from evalharness.local.worker_client import WorkerClient
from evalharness.records import SampleKey

_LEAST_OWN = 8
"""Own processes that may wait for another turn, if `concurrency` is not more."""


class Homes:
    """Not thread-safe, but for suspects: the supervisor holds its lock."""

    def __init__(self, concurrency: int) -> None:
        """`concurrency`: the number of conversations that one crash can interrupt."""
        self._most_own = max(_LEAST_OWN, concurrency)
        self._shared: dict[str, WorkerClient] = {}
        self._own: dict[str, WorkerClient] = {}
        """By conversation, the one with the latest turn last."""
        self._suspects: set[SampleKey] = set()

    def suspect(self, key: SampleKey) -> None:
        """Note that this call may have caused a crash: it, or its conversation, runs again in a process of its own."""
        self._suspects |= {key, _whole(key)}

    def is_suspect(self, key: SampleKey, *, whole: bool = False) -> bool:
        """Return whether this call needs a process of its own; with `whole`, the conversation that it belongs to."""
        return (_whole(key) if whole else key) in self._suspects

    def own(self, conversation: str) -> WorkerClient | None:
        """The conversation's own process; None if it has none."""
        if found := self._own.pop(conversation, None):
            self._own[conversation] = found
        return found

    def shares(self, conversation: str, worker: WorkerClient, *, begins: bool) -> bool:
        """Return whether this shared process keeps the conversation; one that begins is kept there from now on."""
        if begins:
            self._shared[conversation] = worker
        return self._shared.get(conversation) is worker

    def keep_own(
        self, conversation: str, worker: WorkerClient, is_idle: Callable[[WorkerClient], bool]
    ) -> list[WorkerClient]:
        """Note that the conversation has a process of its own. Returns idle processes beyond the bound, to be ended."""
        self._own[conversation] = worker
        surplus = max(0, len(self._own) - self._most_own)
        idle = [name for name, one in self._own.items() if name != conversation and is_idle(one)]
        return [self._own.pop(name) for name in idle[:surplus]]

    def forget(self, conversation: str) -> WorkerClient | None:
        """Forget the conversation. Returns its own process, to be ended; None if it has none."""
        self._shared.pop(conversation, None)
        return self._own.pop(conversation, None)


def _whole(key: SampleKey) -> SampleKey:
    """The key of the conversation that a turn `ID#2` belongs to. A simulated user's turns have the key of the case."""
    return key._replace(case=key.case.rpartition("#")[0] or key.case)

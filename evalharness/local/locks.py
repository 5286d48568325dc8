"""Many at once, or one alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedExclusiveLock:
    """Who wants to be alone waits until all others are out, and keeps later ones out meanwhile."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside, self._wanting_alone = 0, 0
        self._somebody_alone = False

    @contextmanager
    def passed(self, *, alone: bool) -> Iterator[None]:
        """Be inside for the length of the block."""
        with self._changed:
            self._wanting_alone += alone
            self._changed.wait_for(self._free_for_one if alone else self._free)
            self._inside += 1
            self._somebody_alone = alone
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._wanting_alone -= alone
                self._somebody_alone = False
                self._changed.notify_all()

    def _free(self) -> bool:
        return not self._somebody_alone and not self._wanting_alone

    def _free_for_one(self) -> bool:
        return self._inside == 0

"""Responses wait here until the metrics that score them are imported."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from evalharness.logs import get_logger
from evalharness.scoring.scorer import Scorer

_log = get_logger(__name__)
T = TypeVar("T")


class WarmUp(Generic[T]):
    """Passes on what arrives for a scorer, once the scorer is warm."""

    def __init__(self, pass_on: Callable[[T], None]) -> None:
        self._pass_on = pass_on
        self._held: dict[Scorer, list[T]] = {}
        self._warm: set[Scorer] = set()
        self._lock = threading.Lock()

    def add(self, scorer: Scorer, arrival: T) -> None:
        """Pass it on, now or after the warm-up. Called from any thread."""
        with self._lock:
            if scorer not in self._warm:
                self._held.setdefault(scorer, []).append(arrival)
                return
        self._pass_on(arrival)

    def run(self, scorer: Scorer) -> None:
        """Warm up a scorer, unless it is warm. Called in the thread that imports."""
        if scorer in self._warm:
            return
        started = time.monotonic()
        scorer.warm_up()
        _log.info("metrics ready in %.1f s", time.monotonic() - started)
        with self._lock:
            self._warm.add(scorer)
            held = self._held.pop(scorer, [])
        for arrival in held:
            self._pass_on(arrival)

"""What an executor with workers on other machines adds to the others; the defaults fit one without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.store.recorded import Recorded


def executor_kind(name: str | None, config: Config) -> str:
    """Return the kind of the executor `name`, that of the configuration for None: a built-in or an installed one."""
    name = name or config.executor
    return config.executors[name].executor if name in config.executors else name


def import_executor(executor: object, config: Config) -> None:
    """Import the code of an executor in this thread. An unknown name shows when it is opened."""
    if executor is None or isinstance(executor, str):
        with suppress(LookupError, ConfigError):
            registry.find("executors", executor_kind(executor, config))


class Elsewhere(Protocol):
    """The part of an executor that concerns its workers."""

    def places(self, model: str) -> int:
        """Return on how many machines the model computes. Each takes as many requests at once as one does."""
        return 1

    def left_behind(self) -> Iterator[Sequence[Recorded]]:
        """Return responses that workers of a killed run have and its ledger lacks, a part at a time.

        Called before the first request. The workers may delete a part once the next one is requested.
        """
        return iter(())

    def recorded(self, attempt: str) -> None:
        """Note that the response of an attempt is in the ledger: no worker needs to keep it. Called on the loop."""
        return

    @property
    def lost(self) -> Sequence[str]:
        """The workers that were lost since the start, for the record of the run."""
        return ()

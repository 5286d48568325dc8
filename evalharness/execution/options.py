"""Limits of the requests of a run, as on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RecordMode = Literal["none", "once", "all"]
RECORD_MODES: tuple[RecordMode, ...] = ("none", "once", "all")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Limits of the requests of one run."""

    record: RecordMode = "once"
    """`none`: recorded responses only, no socket opened; `once`: request what is not recorded; `all`: request all."""
    concurrency: int | None = None
    """Most requests in flight at each model; None: from 20 up to the provider's own maximum."""
    budget_usd: float | None = None
    """No request is sent whose worst-case cost exceeds what is left of it."""
    deadline_s: float | None = None
    """Seconds for the whole run; requests that are open by then end with an error."""
    memory_bytes: int | None = None
    """Bytes that the local models of this process may hold; None: what is free at the start."""
    run: str = ""
    """Id of the run in the ledger; processes that share it share the budget."""

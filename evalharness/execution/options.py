"""How a run asks: the limits of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RecordMode = Literal["none", "once", "all"]
RECORD_MODES: tuple[RecordMode, ...] = ("none", "once", "all")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Limits and habits of one run."""

    record: RecordMode = "once"
    """`none`: recorded responses only, no socket is opened; `once`: ask what is not recorded; `all`: ask anew."""
    concurrency: int | None = None
    """So many requests under way at each model, and never more; None: from 20 up to what its provider says."""
    budget_usd: float | None = None
    """No request leaves whose worst case would go beyond it."""
    deadline_s: float | None = None
    """For the whole run: what is not answered by then is an error."""
    memory_bytes: int | None = None
    """What the local models of this process may hold of the machine's memory; None: what is free at the beginning."""
    run: str = ""
    """Name of the run in the ledger; processes that share it share the budget."""

"""Requests -> responses: queues, retries, limits, memory, the ledger. Scores nothing and decides nothing."""

from __future__ import annotations

from evalharness.execution.engine import Engine
from evalharness.execution.options import RECORD_MODES, RecordMode, RunOptions

__all__ = ["RECORD_MODES", "Engine", "RecordMode", "RunOptions"]

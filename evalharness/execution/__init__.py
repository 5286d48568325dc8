"""Requests -> responses: executors, queues, retries, limits, the ledger. Scores nothing and decides nothing."""

from __future__ import annotations

from evalharness.execution.engine import Engine
from evalharness.execution.executor import Exchange, Executor, open_executor
from evalharness.execution.options import RECORD_MODES, RecordMode, RunOptions

__all__ = ["RECORD_MODES", "Engine", "Exchange", "Executor", "RecordMode", "RunOptions", "open_executor"]

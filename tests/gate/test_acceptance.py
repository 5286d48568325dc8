"""The error rates of the gate, with the small sizes of benchmarks/gate.py. docs/gate-table.md has the full ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import gate as benchmark


@pytest.mark.parametrize("row", benchmark.ROWS)
def test_row(row: str) -> None:
    """Every line of a row meets its requirement."""
    failures = [benchmark.line(row, check) for check in benchmark.measured(row, ci=True) if not check.ok]
    assert not failures, "\n".join(failures)

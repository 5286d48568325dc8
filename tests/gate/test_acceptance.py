"""The error rates of the gate, with the small sizes of benchmarks/gate.py. docs/gate-table.md has the full ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import gate as benchmark

LONG = {"A1", "A2", "A4", "A5", "C1", "C2", "D1", "D2", "G1", "L1", "N1", "N3", "N4", "P3", "T1", "W1"}
"""Rows that take seconds: half of their suites are enough to see a mistake, and the deep test has all."""
SIZES = [(row, 0.5 if row in LONG else 1.0) for row in benchmark.ROWS]
SIZES_IN_DEPTH = [pytest.param(row, 1.0, marks=pytest.mark.deep) for row in benchmark.ROWS if row in LONG]


@pytest.mark.parametrize(("row", "scale"), [*SIZES, *SIZES_IN_DEPTH])
def test_row(row: str, scale: float) -> None:
    """Every line of a row meets its requirement."""
    checks = benchmark.measured(row, ci=True, scale=scale)
    failures = [benchmark.line(row, check) for check in checks if not check.ok]
    assert not failures, "\n".join(failures)

"""The lines of docs/judges-table.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gate_table import SEED, Check

from evalharness.gate.stats.distributions import normal_quantile

_UPPER = normal_quantile(0.95)
HEAD = "| id | scenario | required | measured | S | |"
LINE = "|---|---|---|---|---|---|"
MISSED = "NOT OK"


@dataclass(frozen=True, slots=True)
class Alarms(Check):
    """A rate of false alarms, whose upper 95 % Monte Carlo bound must not exceed the limit."""

    @property
    def ok(self) -> bool:
        """Whether the bound is low enough."""
        return self.measured + _UPPER * standard_error(self) <= self.high


def standard_error(check: Check) -> float:
    """The Monte Carlo error of a rate."""
    return math.sqrt(check.measured * (1 - check.measured) / check.suites)


def line(row: str, check: Check) -> str:
    """A line of the table; a rate with its standard error."""
    cells = (
        row,
        check.scenario,
        check.requirement,
        f"{100 * check.measured:.1f} ± {100 * standard_error(check):.1f} %",
        f"{check.suites:,}",
    )
    return f"| {' | '.join(cells)} | {'ok' if check.ok else MISSED} |"


def page(lines: list[str]) -> str:
    """The page that --write writes."""
    head = (
        "# The measured error rates of a judge's gate\n\n"
        f"Written by `python benchmarks/judges.py --write docs/judges-table.md`; seeds `[{SEED}, row, cell]`.\n"
        "A rate is a share of S simulated suites, ± its standard error; `benchmarks/judges.py` explains them.\n"
        "The upper 95 % Monte Carlo bound of a rate of false alarms must not exceed 1.6 %.\n"
    )
    return "\n".join([head, HEAD, LINE, *lines, ""])

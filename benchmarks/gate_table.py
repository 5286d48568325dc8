"""The lines of the table of error rates, and what they require."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gate_data import Rng

SEED = 20260101


@dataclass(frozen=True, slots=True)
class Setting:
    """The number of a row, and whether to use the small sizes."""

    scenario: int
    ci: bool = False
    scale: float = 1.0
    """Share of the number of suites."""

    def rng(self, cell: int) -> Rng:
        """The random numbers of a cell, independent of other cells and rows."""
        return np.random.default_rng([SEED, self.scenario, cell])

    def size(self, full: int, ci: int) -> int:
        """The number of simulated suites."""
        return max(2, round(ci * self.scale)) if self.ci else max(ci, round(full * self.scale))

    def slack(self, rate: float, suites: int) -> float:
        """The tolerance of a power at the small size."""
        return three_errors(rate, suites) if self.ci or self.scale < 1 else 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    scenario: str
    measured: float
    suites: int
    low: float = -math.inf
    high: float = math.inf
    unit: str = " %"

    @property
    def ok(self) -> bool:
        """Whether the value meets the requirement; NaN does not."""
        return self.low <= self.measured <= self.high

    @property
    def requirement(self) -> str:
        """The requirement as text."""
        low, high = self.shown(self.low), self.shown(self.high)
        if math.isinf(self.low) and math.isinf(self.high):
            return "none"
        if math.isinf(self.low):
            return f"≤ {high}"
        return f"≥ {low}" if math.isinf(self.high) else f"{low} … {high}"

    def shown(self, value: float) -> str:
        """A value as text; a rate as a percentage."""
        return f"{100 * value:.1f} %" if self.unit == " %" else f"{value:.3g}{self.unit}"


def three_errors(rate: float, suites: int) -> float:
    """Three standard errors of a simulated rate."""
    return 3 * math.sqrt(rate * (1 - rate) / suites)


def at_most(scenario: str, measured: float, suites: int, nominal: float, page: float = 0.0) -> Check:
    """A rate of false alarms: at most its nominal value plus three standard errors, or `page` if that is larger."""
    return Check(scenario, measured, suites, high=max(page, nominal + three_errors(nominal, suites)))


def at_least(at: Setting, scenario: str, measured: float, suites: int, page: float) -> Check:
    """A power: at least `page`, the required value."""
    return Check(scenario, measured, suites, low=page - at.slack(page, suites))


HEAD = "| id | scenario | required | measured | S | |"
LINE = "|---|---|---|---|---|---|"


def line(row: str, check: Check) -> str:
    """A line of the table, without the seconds, which differ from run to run."""
    verdict = "ok" if check.ok else "NOT OK"
    cells = (row, check.scenario, check.requirement, check.shown(check.measured), f"{check.suites:,}", verdict)
    return f"| {' | '.join(cells)} |"


def page(lines: Sequence[str], scale: float) -> str:
    """The page that --write writes."""
    option = f"--scale {scale:g} " if scale != 1 else ""
    head = (
        "# The gate's measured error rates\n\n"
        f"Written by `python benchmarks/gate.py {option}--write docs/gate-table.md`; seeds `[{SEED}, row, cell]`.\n"
        "A rate is a share of S simulated suites. `benchmarks/gate.py` explains the rows,\n"
        "`benchmarks/gate_data.py` the data.\n"
    )
    return "\n".join([head, HEAD, LINE, *lines, ""])

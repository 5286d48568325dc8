"""What a load test is asked to do, as on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import ConfigError
from evalharness.load.arrivals import Pattern, check_size
from evalharness.load.service_level import terms_of
from evalharness.load.verdict import MARGIN
from evalharness.records.load import ServiceLevel

BLOCKS = 12
"""Pairs of blocks of a comparison: the sign-flip test needs 7 to fail at 1 %."""
_LATE_SHARE, _LEAST_LATE_S, _MOST_LATE_S = 0.1, 0.005, 0.1


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of one load test."""

    suite: str
    slo: str
    pattern: Pattern
    trace: Path | None = None
    """The file of the arrivals, for a replay."""
    model: str = ""
    prompts: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Hosts besides this machine that may get the load."""
    warmup_s: float | None = None
    """None: a tenth of each block."""
    most_in_flight: int = 1000
    timeout_s: float | None = None
    """None: the deadline of the model."""
    deadline_s: float | None = None
    budget_usd: float | None = None
    against: str = ""
    margin: float = MARGIN
    report: str = ""
    """Folder of the record, relative to the root; empty: reports/load/SUITE."""

    @property
    def blocks(self) -> int:
        """The number of blocks for each version."""
        return BLOCKS if self.against else 1

    @property
    def block_s(self) -> float:
        """Seconds of each block."""
        return self.pattern.duration_s / self.blocks

    def check(self) -> None:
        """Raise ConfigError for options that can show nothing, and for too many requests."""
        check_size(self.pattern)
        if not self.against and not any(term.is_objective for term in terms_of(self.slo)):
            raise ConfigError(
                f"--slo: {self.slo!r:.60} has no target: add a share such as attainment>=95%, a goodput, or a "
                "percentile such as p95(ttft)<300ms, or compare with --against"
            )
        if self.against and self.trace is not None:
            raise ConfigError("--against: the versions take turns in blocks, which a trace does not have: use --rate")
        given = self.warmup_s
        if given is not None and self.trace is None and given >= self.block_s:
            raise ConfigError(f"--warmup: expected less than the {self.block_s:g} s of a block, got {given:g} s")


def late_s(level: ServiceLevel) -> float:
    """Seconds after which a send counts as late: a tenth of the shortest bound on a latency from the start."""
    bounds = [bound for one in level.objectives for bound in one.bounds] + list(level.bounds)
    limits = [bound.limit_s for bound in bounds if bound.word in ("ttft", "e2el")]
    return min(_MOST_LATE_S, max(_LEAST_LATE_S, _LATE_SHARE * min(limits, default=_MOST_LATE_S)))

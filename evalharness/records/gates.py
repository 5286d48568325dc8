"""The rules of gates."""

from __future__ import annotations

from typing import Literal, NamedTuple

Unit = Literal["points", "ratio"]
"""Unit of a margin or a change: points of a 0..1 score, or a ratio of seconds or tokens."""


ASSERTIONS = "assertions"
"""The metric of gates on assertions: the share of cases that keep all of them."""


class TimeBounds(NamedTuple):
    """The longest times of a response that is in time, in seconds; None for no bound. The words are those of vLLM."""

    ttft: float | None = None
    """Time to first token."""
    tpot: float | None = None
    """Time per output token after the first."""
    e2el: float | None = None
    """End-to-end latency: until the response is complete."""

    def __str__(self) -> str:
        return ", ".join(f"{name} {_in_ms(bound)}" for name, bound in self._asdict().items() if bound is not None)


def _in_ms(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1 else f"{1000 * seconds:g}ms"


class GateRule(NamedTuple):
    """The rule of a gate: a metric with its margin."""

    metric: str
    margin: float
    """In `unit`: 0.05 is 5 points of a 0..1 score, or a ratio of 5 %."""
    target: Literal["suite", "population"] = "suite"
    """Whether the verdict holds for exactly these cases, or for cases like these."""
    tag: str = ""
    """Only cases with this tag; empty for all."""
    slots: int = 0
    """For a gate on seconds: number of responses that the engine generates at once. 0 for the model's own setting."""
    unit: Unit = "points"
    worst: float | None = None
    """Points that a single case may lose; None for any number."""
    within: TimeBounds | None = None
    """For gates on responses that are in time: the bounds."""
    at_least: float | None = None
    """The least share of responses that are in time; None for none."""

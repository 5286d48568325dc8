"""The history of a suite: one series for each model, prompt and measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Point:
    """The value of one run."""

    run: str
    """Id of the run."""
    at: str
    """Time at which the run was accepted, or started if it is not accepted: UTC, ISO 8601."""
    commit: str
    """First commit that has the run in a baseline; empty if there is none yet."""
    committed_at: str
    """Date of that commit, ISO 8601."""
    value: float
    accepted: bool
    """False for the newest run, the one in `reports/`."""
    subject: str = ""
    """Subject of that commit, at most 200 characters."""
    because: str = ""
    """Reason of the acceptance in `golden/HISTORY.jsonl`; empty if it has none."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A change of level in a series."""

    point: int
    """Index of the first point of the new level."""
    before: float
    """Mean of the points since the previous mark."""
    after: float
    """Mean of the points until the next mark."""
    p_value: float
    request_changed: bool
    """Whether the model, the prompt or its parameters changed at this point."""


@dataclass(frozen=True, slots=True)
class Series:
    """One measure of one model and prompt, over the cases equal in all its points."""

    model: str
    prompt: str
    measure: str
    """A metric, or tokens, dollars or seconds of a response."""
    unit: str
    """`points` of a score (0 to 100), `tokens`, `s` or `USD`."""
    cases: int
    points: tuple[Point, ...]
    marks: tuple[Mark, ...] = ()
    can_tell: bool = False
    """Whether there are enough points to find a change of level."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Reason -> number of runs that are left out for it."""


@dataclass(frozen=True, slots=True)
class History:
    """All series of a suite."""

    suite: str
    runs: int
    """Number of accepted runs."""
    commits: int
    """Number of commits that added them."""
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()
    """Files or commits that are missing or cannot be read, as messages."""

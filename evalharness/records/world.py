"""Scripted tools: what the calls of a model return, without side effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ScriptedResult:
    """What a call returns if it fits."""

    call: str
    """Name of the tool."""
    arguments: Mapping[str, Any] | None = None
    """Arguments that the call has, among others; None for any."""
    when: Mapping[str, Any] = field(default_factory=dict)
    """Values that the state has."""
    result: Any = None
    """A JSON value."""
    error: str = ""
    """The call fails with this text; "" if it succeeds."""
    set: Mapping[str, Any] = field(default_factory=dict)
    """Values of the state from then on."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Calls that fail by chance, chosen by case, repeat and number of the call."""

    rate: float
    error: str
    calls: tuple[str, ...] = ()
    """Names of the tools; empty for all."""


@dataclass(frozen=True, slots=True)
class World:
    """The scripted tools of a suite."""

    results: tuple[ScriptedResult, ...]
    """The first one that fits a call is its result."""
    state: Mapping[str, Any] = field(default_factory=dict)
    faults: Faults | None = None
    max_steps: int = 10
    """Most requests for one answer."""

    def to_data(self) -> dict[str, Any]:
        """The world as JSON values, for digests."""
        return asdict(self)

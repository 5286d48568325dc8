"""Gate kinds: each defines the number that a gate compares, and its test."""

from __future__ import annotations

from evalharness import registry
from evalharness.errors import ConfigError
from evalharness.gate.kinds.base import GateKind

__all__ = ["GateKind", "gate_kind"]


def gate_kind(metric: str) -> GateKind:
    """The kind of a gate on `metric`.

    Raises ConfigError for an entry point that is not a gate kind.
    """
    found = registry.gate_kind(metric)
    if not isinstance(found, GateKind):
        raise ConfigError(f"gate kind '{metric}': expected an instance of GateKind, got {type(found).__name__}")
    return found

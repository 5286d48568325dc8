"""Tests that must not notice the CI job they run in."""

from __future__ import annotations

import pytest

from evalharness.store.ci import CI_VARIABLES

__all__ = ["CI_VARIABLES", "leave_ci"]


def leave_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the CI variables until the test ends: CI refuses to accept baselines."""
    for variable in CI_VARIABLES:
        monkeypatch.delenv(variable, raising=False)

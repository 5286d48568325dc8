"""Tests that must not notice the CI job they run in."""

from __future__ import annotations

import pytest

from evalharness.store.git import BASE_BRANCH_VARIABLES

CI_VARIABLES = ("CI", *BASE_BRANCH_VARIABLES)
"""Environment variables that the harness reads to recognize a CI job and its base branch."""


def leave_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the CI variables until the test ends: CI refuses to accept baselines."""
    for variable in CI_VARIABLES:
        monkeypatch.delenv(variable, raising=False)

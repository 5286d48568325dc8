"""A project whose suite runs in shards."""

from __future__ import annotations

from pathlib import Path

import pytest
from shard_project import CASES, ShardProject

from evalharness.testing.ci import leave_ci


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShardProject:
    """A suite of sixty cases outside CI, in six clusters and alone, with one accepted run."""
    leave_ci(monkeypatch)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    made = ShardProject(tmp_path)
    cases = [
        {"id": name, "vars": {"question": f"{name}?"}} | ({"cluster": f"group-{number % 6}"} if number < 30 else {})
        for number, name in enumerate(CASES)
    ]
    made.write_suite(CASES, cases=cases, gates=[{"metric": "exact", "margin": "10%"}])
    made.configure()
    made.accept()
    return made

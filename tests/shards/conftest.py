"""A project whose suite runs in shards."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept import begin
from shard_project import CASES, ShardProject

from evalharness.testing.ci import leave_ci


def make_clustered(made: ShardProject) -> None:
    """Accept a run of sixty cases, in six clusters and alone."""
    cases = [
        {"id": name, "vars": {"question": f"{name}?"}} | ({"cluster": f"group-{number % 6}"} if number < 30 else {})
        for number, name in enumerate(CASES)
    ]
    made.write_suite(CASES, cases=cases, gates=[{"metric": "exact", "margin": "10%"}])
    made.configure()
    made.accept()


@pytest.fixture
def project(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> ShardProject:
    """A suite of sixty cases outside CI with one accepted run, made once and copied."""
    leave_ci(monkeypatch)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    made: ShardProject = begin(ShardProject(tmp_path), make_clustered, tmp_path_factory)
    return made

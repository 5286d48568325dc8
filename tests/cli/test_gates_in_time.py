"""Gates on responses in time in a whole run: measured, replayed, and against a version that is slower."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import FaultServer

NAMES = {f"case-{number}": "Yes." for number in range(60)}
GATES = [
    {"metric": "attainment", "within": {"e2el": "60s"}, "at_least": 0.95},
    {"metric": "goodput", "within": {"e2el": "60s"}, "margin": 0.1},
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Sixty cases for a scripted model, with bounds that any machine meets."""
    leave_ci(monkeypatch)
    project = Project(tmp_path)
    project.write_suite(NAMES, gates=GATES)
    return project


def gates(project: Project) -> dict[str, dict[str, Any]]:
    """The verdicts of the last run by metric."""
    return {one["metric"]: one for one in project.verdict()["verdicts"]}


def test_a_run_without_a_baseline(project: Project) -> None:
    """Attainment is decided at once; goodput has nothing to compare with, and changes nothing."""
    result = project.command("run", "demo", "--record=all")
    found = gates(project)
    assert (found["attainment"]["status"], found["goodput"]["status"]) == ("pass", "no baseline")
    assert not found["goodput"]["gating"]
    assert "e2el 60s: 100.0 % in time, 60 cases" in found["attainment"]["reason"]
    assert result.exit_code == 0


def test_replayed_answers_are_never_green(project: Project) -> None:
    """The second run replays: its times were not measured, so that it is inconclusive."""
    with FaultServer() as server:
        project.configure(endpoint={"provider": "openai", "base_url": server.url, "model": "m", "stream_usage": False})
        project.write_suite(NAMES, models=["endpoint"], gates=GATES)
        project.configure(endpoint={"provider": "openai", "base_url": server.url, "model": "m", "stream_usage": False})
        project.command("run", "demo")
        measured = gates(project)["attainment"]
        project.command("run", "demo")
    replayed = gates(project)["attainment"]
    assert (measured["status"], replayed["status"]) == ("pass", "inconclusive")
    assert "60 responses replayed or read from a cache; --llm-record=all measures again" in replayed["reason"]


def test_too_slow(project: Project) -> None:
    """A bound that no answer meets fails the run, before anything was accepted."""
    project.write_suite(NAMES, gates=[{**GATES[0], "within": {"e2el": "0.001ms"}}])
    result = project.command("run", "demo", "--record=all")
    assert gates(project)["attainment"]["status"] == "fail"
    assert "0.0 % in time, 60 cases (0.0 % … 4.9 %), expected at least 95 %" in gates(project)["attainment"]["reason"]
    assert "FAIL  below the target: attainment" in result.stdout
    assert result.exit_code == 1
    again = project.command("gate", project.root / "reports/demo")
    assert "FAIL  below the target: attainment" in again.stdout
    assert again.exit_code == 1

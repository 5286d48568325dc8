"""Checked by mypy and basedpyright, never run: the test kit as the tests of another project use it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import pytest

from evalharness import Baseline, Evaluation, Metric, Provider, Request, Response, Run, Sample
from evalharness.testing import FaultServer, Project, baseline, complete, request, response, run, sample, score
from evalharness.testing.fault_server import Received, Reply, Send, answering, first, status
from evalharness.testing.pytest_project import PytestProject


def test_builders() -> None:
    """Builders return the public records."""
    assert_type(sample("a", scores={"exact": 1.0}, total_s=0.5), Sample)
    assert_type(run([sample()], gates={"exact": 0.05}, stopped=True), Run)
    assert_type(baseline(run()), Baseline)
    assert_type(response("Yes.", completion_tokens=3), Response)
    assert_type(request("Why?"), Request)


def test_metric(metric: Metric) -> None:
    """A score is a number."""
    assert_type(score(metric, "Yes.", "Yes."), float)


def test_provider(provider: Provider) -> None:
    """A provider completes one request; an endpoint replies as scripted."""

    def script(request: Received) -> Reply:
        return [Send(request.raw)]

    with FaultServer(first(status(503), then=answering("Yes."))) as server:
        server.script = script
        assert_type(complete(provider, request("Why?")), Response)
        assert_type(server.log, list[Received])


def test_project(llm_project: PytestProject, tmp_path: Path) -> None:
    """A project evaluates, accepts and runs under pytest."""
    assert_type(Project(tmp_path).evaluate(repeat=2), Evaluation)
    assert_type(llm_project.accept(because="first"), Evaluation)
    assert_type(llm_project.run("--llm-repeat=2"), pytest.RunResult)

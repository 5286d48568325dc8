"""Pytest fixtures of the test kit. In the `conftest.py` of your repository's root:

pytest_plugins = ["evalharness.testing.fixtures"]
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import FaultServer
from evalharness.testing.pytest_project import PytestProject

pytest_plugins = ["pytester"]


@pytest.fixture
def llm_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> PytestProject:
    """A project with a suite of two cases and no baseline, outside CI, with a response cache of its own."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / ".cache"))
    project = PytestProject(pytester)
    project.write_suite()
    return project


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    """A healthy endpoint at `fault_server.url`; set `fault_server.script` to make it fail."""
    with FaultServer() as server:
        yield server

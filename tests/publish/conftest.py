"""A project whose run fails, and one whose run passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from publishing import JOB_VARIABLES, Publishing

from evalharness.publish import delivery
from evalharness.testing.ci import leave_ci


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute instead of ten seconds: the machine may be busy, and only servers that hang take long."""
    monkeypatch.setattr(delivery, "MOST_S", 60.0)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publishing:
    """A project whose next run passes."""
    leave_ci(monkeypatch)
    for name in JOB_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    project = Publishing(tmp_path)
    cases = {f"case-{number}": "Yes." for number in range(40)}
    project.write_suite(cases, gates=[{"metric": "exact", "margin": "10%"}])
    project.accept()
    return project


@pytest.fixture
def failing(project: Publishing) -> Publishing:
    """A project whose record is of a run that fails."""
    project.get_worse()
    assert project.evaluate().status == "fail"
    return project

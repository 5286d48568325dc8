"""A project whose run fails, and one whose run passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept import begin
from publishing import JOB_VARIABLES, Publishing

from evalharness.publish import delivery
from evalharness.testing.ci import leave_ci


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute instead of ten seconds: the machine may be busy, and only servers that hang take long."""
    monkeypatch.setattr(delivery, "MOST_S", 60.0)


def make_passing(project: Publishing) -> None:
    """Accept a run of forty cases."""
    cases = {f"case-{number}": "Yes." for number in range(40)}
    project.write_suite(cases, gates=[{"metric": "exact", "margin": "10%"}])
    project.accept()


def make_failing(project: Publishing) -> None:
    """Let the last run fail."""
    make_passing(project)
    project.get_worse()
    assert project.evaluate().status == "fail"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publishing:
    """An empty project outside CI."""
    leave_ci(monkeypatch)
    for name in JOB_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    return Publishing(tmp_path)


@pytest.fixture
def project(place: Publishing, tmp_path_factory: pytest.TempPathFactory) -> Publishing:
    """A project whose next run passes, made once and copied."""
    project: Publishing = begin(place, make_passing, tmp_path_factory)
    return project


@pytest.fixture
def failing(place: Publishing, tmp_path_factory: pytest.TempPathFactory) -> Publishing:
    """A project whose record is of a run that fails, made once and copied."""
    failing: Publishing = begin(place, make_failing, tmp_path_factory)
    return failing

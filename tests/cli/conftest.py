"""A project that several tests of the command line copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from repository import Repository

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci


@pytest.fixture(scope="session")
def accepted_on_main(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 40 cases whose suite was accepted on main, on the branch of a pull request. Copy it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_ci(monkeypatch)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        root = tmp_path_factory.mktemp("accepted") / "project"
        repository, project = Repository(root), Project(root)
        cases = {f"case-{number}": "Yes." for number in range(40)}
        project.write_suite(cases, gates=[{"metric": "exact", "margin": "10%"}])
        project.write(".gitignore", "reports/\n.cache/\n")
        project.accept()
        repository.commit()
        repository.branch()
    return root

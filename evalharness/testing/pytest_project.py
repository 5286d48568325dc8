"""A project that pytest evaluates, in the process of the test."""

from __future__ import annotations

import pytest

from evalharness.testing.project import Project


class PytestProject(Project):
    """A project in the folder of a `pytester`."""

    def __init__(self, pytester: pytest.Pytester, *, suite: str = "demo") -> None:
        super().__init__(pytester.path, suite=suite)
        self.pytester = pytester

    def run(self, *options: str) -> pytest.RunResult:
        """The result of `pytest --llm-suite=SUITE OPTIONS`."""
        return self.pytester.runpytest(f"--llm-suite={self.suite}", *options)

"""A project in a temporary folder with one suite of one case, for tests to modify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evalharness.config import Config, Limits, ModelConfig
from evalharness.errors import SuiteError
from evalharness.records import Suite
from evalharness.suites import load_suite
from evalharness.testing.folder import Folder

HEAD = """\
schema: 1
models: [fake]
prompts:
  ask:
    - user: "{{ q }}"
metrics: [rouge_l]
"""
CASES = """\
cases:
  - id: a
    vars: {q: hello}
"""
GOLDEN = "a: world\n"


class Project(Folder):
    """Files below a root, and the result of loading them."""

    def __init__(self, root: Path, limits: Limits) -> None:
        super().__init__(root)
        self.limits = limits

    @property
    def config(self) -> Config:
        """The configuration with one scripted model, `fake`."""
        return Config(root=self.root, models={"fake": ModelConfig(provider="scripted")}, limits=self.limits)

    def write_all(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files by name; None removes one."""
        for name, content in files.items():
            (self.root / name).unlink(missing_ok=True)  # it may be a link
            if content is not None:
                self.write(name, content)

    def load(self) -> Suite:
        """The suite `s`. Raises SuiteError."""
        return load_suite("s", self.config)

    def problems(self) -> list[str]:
        """The problems of the suite `s`, one line each."""
        with pytest.raises(SuiteError) as caught:
            self.load()
        assert str(caught.value).split("\n") == [str(problem) for problem in caught.value.problems]
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    """`project(suite, golden, files={...}, LIMIT=...)` makes the project with these files and limits."""

    def make(
        suite: str | bytes = HEAD + CASES,
        golden: str | bytes | None = GOLDEN,
        *,
        files: Mapping[str, Any] | None = None,
        **limits: Any,
    ) -> Project:
        made = Project(tmp_path, Limits(**limits))
        made.write_all({"suites/s.yaml": suite, "golden/s.yaml": golden, **(files or {})})
        return made

    return make


@pytest.fixture
def head() -> str:
    """A valid suite without its cases."""
    return HEAD


@pytest.fixture
def good() -> str:
    """A valid suite with one case."""
    return HEAD + CASES

"""Which files pytest collects as suites, and how often it looks at their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.pytest_plugin.items import SuiteFile, SuiteFolder
from evalharness.pytest_plugin.suites import Suites


class Collection:
    """Collects the suites of `--llm-suite`."""

    def __init__(self, suites: Suites) -> None:
        self._suites, self._paths = suites, frozenset(suites.paths)
        self._folders = {path.parent for path in suites.paths}

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
        """Collect the files of the suites to run."""
        if file_path not in self._paths:
            return None
        node: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
        node.suites = self._suites
        return node

    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> SuiteFolder | None:
        """Collect the folder of the suites; a package is left to pytest."""
        if path not in self._folders or (path / "__init__.py").exists():
            return None
        folder: SuiteFolder = SuiteFolder.from_parent(parent, path=path)
        return folder

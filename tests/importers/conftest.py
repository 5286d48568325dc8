"""The fixture of the tests of importers."""

from __future__ import annotations

from pathlib import Path

import pytest
from promptfoo_project import PromptfooProject


@pytest.fixture
def project(tmp_path: Path) -> PromptfooProject:
    """An empty folder."""
    return PromptfooProject(tmp_path)

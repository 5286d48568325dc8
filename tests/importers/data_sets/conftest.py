"""Fixtures for imports of data sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from dataset_projects import DatasetProject


@pytest.fixture
def project(tmp_path: Path) -> DatasetProject:
    """An empty folder."""
    return DatasetProject(tmp_path)

"""Rules for every extension of the third party's package."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import pytest

from evalharness import registry

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.glob("*.py") if path.name != "conftest.py" and not path.name.startswith("test_"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_is_short(path: Path) -> None:
    """No extension needs more than 60 lines."""
    assert path.read_text(encoding="utf-8").count("\n") <= 60


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_is_registered(path: Path) -> None:
    """Each file has an entry point, and the registry finds its object."""
    entries = [e for e in distribution("acme-evals").entry_points if e.module == f"extensions.{path.stem}"]

    assert entries
    for entry in entries:
        kind = entry.group.removeprefix("evalharness.")
        assert registry.find(kind, entry.name) is entry.load()
        assert entry.name in registry.names(kind)

"""A third party's package: one file for each kind of extension, registered by the entry points in `installed/`.

To add an extension: write `tests/extensions/KIND.py` (at most 60 lines) and `test_KIND_extension.py`, and add one line
below its group in `installed/acme_evals-1.0.dist-info/entry_points.txt`: `NAME = extensions.KIND:OBJECT`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def acme_evals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the third party's package for one test."""
    monkeypatch.syspath_prepend(HERE.parent)  # `extensions.KIND` is a module below tests/
    monkeypatch.syspath_prepend(HERE / "installed")

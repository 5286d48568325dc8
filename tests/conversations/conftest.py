"""Each test has a cache of its own, also where the environment names one."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep recorded answers of other tests away."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

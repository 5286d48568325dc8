"""The limits of local models in the documentation are those of the code."""

from __future__ import annotations

from pathlib import Path

from evalharness.local import server_supervisor, worker_supervisor

PAGE = Path(__file__).parents[2] / "docs/local.md"


def test_documented_crash_limits() -> None:
    """docs/local.md names the number of crashes after which each provider gives up."""
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    worker, loads = worker_supervisor.MAX_CRASHES, worker_supervisor.MAX_LOAD_CRASHES
    assert f"gives up on a model after {worker} crashes of its process, or after {loads} in a row" in text
    assert f"It gives up after {server_supervisor.MAX_CRASHES} crashes." in text

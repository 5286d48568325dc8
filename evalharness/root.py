"""Where a project begins."""

from __future__ import annotations

from pathlib import Path


def find_root() -> Path:
    """The nearest folder upwards with a `suites/` folder, else the working directory."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "suites").is_dir()), here)

"""Find the root folder of a project."""

from __future__ import annotations

from pathlib import Path


def find_root() -> Path:
    """The closest folder upwards with a `suites/` folder, or the working directory."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "suites").is_dir()), here)

"""A project for several tests, made once and copied for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def begin(project: Any, make: Callable[[Any], object], places: pytest.TempPathFactory) -> Any:
    """Return the project as `make` leaves it: made for the first test, copied for the others."""
    place = Path(places.getbasetemp()) / f"kept-{make.__module__}-{make.__name__}"
    if place.exists():
        shutil.copytree(place, project.root, dirs_exist_ok=True)
    else:
        make(project)
        shutil.copytree(project.root, place, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return project

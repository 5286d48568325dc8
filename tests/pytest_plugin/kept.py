"""A project that several tests begin with, made once: each gets a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def begin(project: Any, make: Callable[[Any], object], places: pytest.TempPathFactory) -> Any:
    """The project as `make` leaves it; the first time it does, later its files are copied."""
    place = Path(places.getbasetemp()) / f"kept-{make.__module__}-{make.__name__}"
    if place.exists():
        shutil.copytree(place, project.root, dirs_exist_ok=True)
    else:
        make(project)
        shutil.copytree(project.root, place, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return project

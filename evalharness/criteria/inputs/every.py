"""All tables of inputs. A run needs some of them alone."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.criteria.inputs.files import FILES
from evalharness.criteria.inputs.options import OPTIONS, PYTEST_OPTIONS
from evalharness.criteria.inputs.row import Input
from evalharness.criteria.inputs.settings import PYTEST_SETTINGS, SETTINGS, TABLES
from evalharness.criteria.inputs.surroundings import ENTRY_POINTS, MODULES, OTHERS, VARIABLES

INPUTS: Mapping[str, tuple[Input, ...]] = {
    "Files": FILES,
    "Tables of pyproject.toml": TABLES,
    "Settings of evalharness": SETTINGS,
    "Settings of pytest": PYTEST_SETTINGS,
    "Options of pytest": PYTEST_OPTIONS,
    "Options of evalharness": OPTIONS,
    "Environment variables": VARIABLES,
    "Modules": MODULES,
    "Entry points": ENTRY_POINTS,
    "The rest": OTHERS,
}
"""Kind of input -> its rows."""

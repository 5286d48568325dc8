"""Everything that can influence a verdict, as data: each input is trusted, compared with the merge base, or refused.

A file or a setting that is in no row is compared if pytest, Python or a suite can read it. The code reads these tables:
there is no second list.
"""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.criteria.inputs.files import ANNOUNCING, FILES, FOLDERS, PATTERNS
from evalharness.criteria.inputs.options import OPTIONS, PYTEST_OPTIONS
from evalharness.criteria.inputs.row import Input, Treatment, names
from evalharness.criteria.inputs.settings import PYTEST_SETTINGS, SETTINGS, TABLES
from evalharness.criteria.inputs.surroundings import ENTRY_POINTS, MODULES, OTHERS, VARIABLES

__all__ = [
    "ANNOUNCING",
    "ENTRY_POINTS",
    "FOLDERS",
    "INPUTS",
    "MODULES",
    "PATTERNS",
    "PYTEST_SETTINGS",
    "SETTINGS",
    "Input",
    "Treatment",
    "names",
]

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

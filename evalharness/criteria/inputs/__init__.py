"""Everything that can influence a verdict, as data: each input is trusted, compared with the merge base, or refused.

A file or a setting that is in no row is compared if pytest, Python or a suite can read it. The code reads these tables:
there is no second list.
"""

from __future__ import annotations

from evalharness.criteria.inputs.files import ANNOUNCING, FOLDERS, PATTERNS
from evalharness.criteria.inputs.row import Input, Treatment, names
from evalharness.criteria.inputs.settings import PYTEST_SETTINGS, SETTINGS
from evalharness.criteria.inputs.surroundings import ENTRY_POINTS, MODULES

__all__ = [
    "ANNOUNCING",
    "ENTRY_POINTS",
    "FOLDERS",
    "MODULES",
    "PATTERNS",
    "PYTEST_SETTINGS",
    "SETTINGS",
    "Input",
    "Treatment",
    "names",
]

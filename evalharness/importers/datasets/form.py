"""What the rows of a file are: any table, or the export of one tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evalharness.importers.datasets.fields import Choice, Plan
from evalharness.importers.datasets.guess import guess
from evalharness.importers.datasets.profile import Profile, flat
from evalharness.importers.datasets.table import Values


@dataclass(frozen=True, slots=True)
class Form:
    """How rows become cases."""

    command: str
    """`evalharness import COMMAND` reads it."""
    read: Callable[[Values], Values | str]
    """The columns of a row, or why it cannot be a case."""
    plan: Callable[[Profile, Choice, Mapping[str, tuple[str, ...]]], Plan]
    """What each column becomes. Raises DatasetError."""
    expected: str = ""
    """What the file must have, for an error about a file with other rows."""


ANY_TABLE = Form("dataset", flat, guess)
"""Guesses by names and values."""

"""Names of suites, models and prompts, which become parts of file names."""

from __future__ import annotations

import re

NAME_PATTERN = "[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"
NAME_RULE = "a name of at most 64 letters, digits, _ and -, not starting with -"


def is_name(text: str) -> bool:
    """Whether a text follows `NAME_RULE`: it is no path, and neither `.` nor `..`."""
    return re.fullmatch(NAME_PATTERN, text) is not None

"""Exceptions in the code of others as text: type, message, and the line of their code that raised."""

from __future__ import annotations

import sysconfig
import traceback
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from evalharness.logs import get_logger
from evalharness.redaction import scrub

_log = get_logger(__name__)
_OWN = Path(__file__).parent
_STDLIB = Path(sysconfig.get_path("stdlib"))
_PACKAGES = {"site-packages", "dist-packages"}
_MARKS = ("pyproject.toml", ".git", "suites")
"""The closest folder upwards with one of these is the project; the first of them that exists decides."""
_LOGGED_CHARS = 900


def describe(error: BaseException) -> str:
    """Return `TYPE: message (FILE:LINE)`, with a path relative to the project or package of the code.

    The line is the last one in the code that this package called: in the extension, not in the libraries that it uses.
    It is left out if the traceback has none. The log has the end of the traceback, at DEBUG.
    """
    _log.debug("exception in an extension: %s", scrub("".join(traceback.format_exception(error)))[-_LOGGED_CHARS:])
    place = _place(error.__traceback__)
    return _with_text(error) + (f" ({place})" if place else "")


def _with_text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a foreign `__str__`
        return type(error).__name__


def _place(trace: TracebackType | None) -> str:
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(trace)]
    foreign = [(file, line) for file, line in frames if _is_foreign(file)]
    if not foreign:
        return ""
    home = _home(foreign[0][0])
    file, line = [(file, line) for file, line in foreign if file.is_relative_to(home)][-1]
    return f"{_shown(file, home)}:{line}"


def _is_foreign(file: Path) -> bool:
    """Whether a file belongs neither to this package nor to Python."""
    is_python = file.is_relative_to(_STDLIB) and not _PACKAGES & set(file.parts)
    return file.is_absolute() and not file.is_relative_to(_OWN) and not is_python


@lru_cache(maxsize=256)
def _home(file: Path) -> Path:
    """The folder of the code: an installed package, or the project; the folder of the file without either."""
    places = [number for number, part in enumerate(file.parts) if part in _PACKAGES]
    if places:
        return Path(*file.parts[: places[-1] + 2])
    projects = (folder for mark in _MARKS for folder in file.parents if (folder / mark).exists())
    return next(projects, file.parent)


def _shown(file: Path, home: Path) -> str:
    base = home.parent if _PACKAGES & set(home.parts) else home
    return file.relative_to(base).as_posix()

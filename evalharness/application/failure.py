"""An exception of an application as text: type, message, and the last frames of its code. Used in the child process."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path
from typing import Any

_MOST_CHARS, _SOURCE_CHARS, _FRAMES = 20_000, 160, 5
_LIBRARIES = {"site-packages", "dist-packages"}
MOST_CAUSES = 3
"""Of one exception by another."""


def failure_of(error: BaseException, root: Path) -> dict[str, Any]:
    """Return the message, the place and the frames of an exception, for `error_of` in the parent. Raises nothing.

    The message is not redacted: the parent knows the keys.
    """
    error = _innermost(error)
    frames = _frames(error, root)
    lines = [f"  {where} in {name}{f': {source}' if source else ''}" for where, name, source in frames[-_FRAMES:]]
    cause = _cause(error)
    while cause is not None and len(lines) < _FRAMES + MOST_CAUSES:
        lines.append(f"  caused by {_with_text(cause)}")
        cause = _cause(cause)
    return {"message": _with_text(error), "place": frames[-1][0] if frames else "", "trace": lines}


def _cause(error: BaseException) -> BaseException | None:
    """The exception that caused this one, also where the application's class has another `__cause__`."""
    found: BaseException | None = BaseException.__dict__["__cause__"].__get__(error)
    return found


def _innermost(error: BaseException) -> BaseException:
    """The exception in groups that hold one alone, as those of asyncio's task groups often do."""
    for _ in range(10):
        if not isinstance(error, BaseExceptionGroup) or len(error.exceptions) != 1:
            break
        error = error.exceptions[0]
    return error


def _frames(error: BaseException, root: Path) -> list[tuple[str, str, str]]:
    """`FILE:LINE`, function and source of each frame below the root."""
    found = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(root) and not _LIBRARIES & set(path.parts):
            source = linecache.getline(str(path), line).strip()[:_SOURCE_CHARS]
            found.append((f"{path.relative_to(root).as_posix()}:{line}", frame.f_code.co_name, source))
    return found


def _with_text(error: BaseException) -> str:
    name = type(error).__name__
    try:
        text = str(error)[:_MOST_CHARS]
    except BaseException:  # a `__str__` of the application
        text = ""
    if isinstance(error, SystemExit):
        return f"{name}: {text or 0}: the application called sys.exit()"
    return f"{name}: {text}" if text else name

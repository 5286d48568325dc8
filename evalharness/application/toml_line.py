"""The line of pyproject.toml that a mistake in an option is in: tomllib does not keep it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from evalharness.errors import ConfigError

_OPTION = re.compile(r"'?([a-z_]+)")
_HEADER = re.compile(r"\s*\[")


def at_line(error: ConfigError, root: Path, url: str) -> ConfigError:
    """Return the error with the line of its option in the table of the model with this `url`, if it is certain."""
    option = _OPTION.match(str(error))
    lines = sorted(set(_lines(root / "pyproject.toml", option[1], url))) if option else []
    error.line = lines[0] if len(lines) == 1 else 0
    return error


def line_of(path: Path, table: str, message: str) -> int:
    """Return the line of the option that a message starts with in a table such as `[a.b]`; its own line without one."""
    try:
        text = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return 0
    start = next((number for number, line in enumerate(text) if line.replace('"', "").startswith(table)), -1)
    if start < 0:
        return 0
    option = re.match(r"(?:unknown key )?'?(\w+)", message)
    for number, line in enumerate(text[start + 1 :], start + 1):
        if line.startswith("["):
            break
        if option and re.match(rf"{option[1]}\s*=", line):
            return number + 1
    return start + 1


def _lines(path: Path, option: str, url: str) -> Iterator[int]:
    """The lines that set the option in a table that sets `url`; the table's own line if none does."""
    try:
        text = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    starts = [number for number, line in enumerate(text) if _HEADER.match(line)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        if any(re.match(r"\s*url\s*=", line) and str(url) in line for line in text[start:end]):
            name = text[start].partition("]")[0].strip(" [")
            inner = (at for at in starts if re.match(rf"\s*\[\s*{re.escape(name)}\.{option}\s*\]", text[at]))
            mine = (at for at in range(start, end) if re.match(rf"\s*{option}\b[\s.\w]*=", text[at]))
            yield next(mine, next(inner, start)) + 1

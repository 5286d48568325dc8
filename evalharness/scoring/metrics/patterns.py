"""Regular expressions that hostile text cannot slow down: RE2, linear in the text (https://github.com/google/re2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import re2

from evalharness.errors import MetricError

MAX_PATTERN_CHARS = 4_096
"""A longer pattern is refused: it is misplaced data, and RE2 would compile it before it is known to be harmless."""
MAX_MEMORY_BYTES = 8 << 20
"""Of one compiled pattern, with what RE2 keeps while it searches. RE2 refuses a pattern that needs more."""
MAX_STEPS = 1_000_000_000
"""Bytes of the text times instructions of the pattern: at worst about ten seconds, during which others run."""
_KEPT = 64
"""Compiled patterns. A suite may have thousands."""


class Found(NamedTuple):
    """A match: its place in the text, in characters, and its group."""

    start: int
    end: int
    group: str


def compile_finder(pattern: str) -> Callable[[str], list[Found]]:
    """Return `find(text)`: the matches of a pattern with one group, in order, without empty ones.

    Raises ValueError as `compile_pattern` does, and for a pattern that has no group, or several. `find` raises
    MetricError for a long text if the pattern is large too.
    """
    _check_length(pattern)
    groups = _compile(pattern, False).groups
    if groups != 1:
        raise ValueError(
            f"expected a pattern with one group, such as '\\[(\\w+)\\]', got {groups} groups in {pattern!r}"
        )
    return lambda text: list(_matches(_compile(pattern, False), text))


def _matches(compiled: re2._Regexp, text: str) -> Iterator[Found]:
    data, at, chars = _bytes(text, compiled), 0, 0
    for match in compiled.finditer(data):
        start, end = match.span()
        if start == end or match[1] is None:
            continue
        first = chars + len(data[at:start].decode())
        at, chars = end, first + len(data[start:end].decode())
        yield Found(first, chars, match[1].decode())


def compile_pattern(pattern: str, *, ignore_case: bool = False) -> Callable[[str], bool]:
    """Return `found(text)`: whether `pattern` matches anywhere in the text, as `re2.search` does.

    Syntax: https://github.com/google/re2/wiki/Syntax, which has neither look-around nor back-references.
    Raises ValueError with RE2's own message for a bad pattern, and for one of more than 4,096 characters or 8 MiB.
    `found` raises MetricError for a long text if the pattern is large too, because RE2 may need their product.
    """
    _check_length(pattern)
    _compile(pattern, ignore_case)

    def found(text: str) -> bool:
        compiled = _compile(pattern, ignore_case)
        return compiled.search(_bytes(text, compiled)) is not None

    return found


def _check_length(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"expected a pattern of at most {MAX_PATTERN_CHARS:,} characters, got {len(pattern):,}")


def _bytes(text: str, compiled: re2._Regexp) -> bytes:
    """The text for RE2. Raises MetricError for more work than the text is worth."""
    # Bytes, because half a surrogate pair (which a model can write as "\ud800") has no UTF-8 and would raise.
    data = text.encode("utf-8", "replace")
    if len(data) * compiled.programsize > MAX_STEPS:
        size = f"{len(data):,} bytes and a pattern of {compiled.programsize:,} instructions"
        raise MetricError(f"expected a text and a pattern of at most {MAX_STEPS:,} steps, got {size}")
    return data


@lru_cache(maxsize=_KEPT)
def _compile(pattern: str, ignore_case: bool) -> re2._Regexp:
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.max_mem = MAX_MEMORY_BYTES
    options.log_errors = False  # else RE2 writes to the process's stderr, past pytest's capture
    try:
        return re2.compile(pattern.encode("utf-8", "replace"), options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"{pattern!r} is not a pattern that RE2 takes: {reason}") from None

"""The changed prompts of a run: as pieces for the page, and as lines for the summary."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from evalharness.records import PromptChange
from evalharness.report.diff import Segment, word_diff

_NEAR, _MOST_CHARS, _MOST_PIECES = 200, 900, 400
_CONTEXT, _MOST_LINES = 2, 60


def pieces(change: PromptChange) -> list[Segment]:
    """The word diff. Long unchanged parts are left out, and long changed ones are cut."""
    found = word_diff(change.then, change.now)
    shown = [(kind, _near(text) if kind == "same" else _cut(text)) for kind, text in found[:_MOST_PIECES]]
    rest = len(found) - len(shown)
    return [*shown, *([("same", f"\n… and {rest} more parts")] if rest > 0 else [])]  # type: ignore[list-item]


def _near(text: str) -> str:
    """The parts next to the changes."""
    return text if len(text) <= 2 * _NEAR + 3 else f"{text[:_NEAR]} … {text[-_NEAR:]}"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}…"


def lines(change: PromptChange) -> Iterator[str]:
    """The changed lines with two lines around them, each with its sign."""
    found = difflib.unified_diff(change.then.split("\n"), change.now.split("\n"), n=_CONTEXT, lineterm="")
    shown = [line for line in found if not line.startswith(("--- ", "+++ "))]
    yield from shown[:_MOST_LINES]
    if len(shown) > _MOST_LINES:
        yield f"… {len(shown) - _MOST_LINES} more lines"

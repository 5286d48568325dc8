"""Foreign texts as comments of YAML and Python."""

from __future__ import annotations

from collections.abc import Sequence

_MAX_CHARS = 300


def comment(lines: Sequence[str]) -> str:
    """The lines as a comment of YAML or Python. Long lines are cut."""
    shown = (f"# {printable_line(line)}".rstrip() for line in lines)
    return "".join(f"{line}\n" for line in shown)


def printable_line(text: str) -> str:
    """The text on one line, without signs that end a line or are not shown, and cut to the length of a line."""
    found = "".join(character if character.isprintable() else " " for character in text)
    return found if len(found) <= _MAX_CHARS else f"{found[:_MAX_CHARS]}…"

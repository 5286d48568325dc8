"""One encoder for each sink that is not HTML: whatever a model said, it stays text there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from evalharness.redaction import scrub

MINUS = "−"
"""What a negative change is printed with."""
_LOOKED_AT = 20
_LONG_RUN = re.compile("`{4,}")
_NAMES = {"\t": "\t", "\n": "\n"}


def printable(text: str) -> str:
    """Control and invisible format characters (escapes, bidi overrides, carriage returns) as ⟨U+001B⟩; line ends and
    tabs stay. So is the bracket of `##[command]`, which GitHub's runner obeys anywhere in a line. Keys are taken out.
    """
    text = scrub(text).replace("##[", f"##{_named('[')}")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        _NAMES.get(c) or (_named(c) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c) for c in text
    )


def _named(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def one_line(text: str, width: int = 200) -> str:
    """Printable, on one line, cut to `width`; of a long text only the beginning is looked at."""
    looked_at = _LOOKED_AT * width
    text = scrub(text)
    line = " ".join(printable(text[:looked_at]).split())
    return line if len(line) <= width and len(text) <= looked_at else line[: width - 1] + "…"


def quoted(text: str, *, lines: int = 40, width: int = 2000) -> list[str]:
    """Printable, every line behind a bar: untrusted text never starts a line, where CI systems look for commands."""
    given = scrub(text).split("\n")
    begun = (printable(line[: width + 1]) for line in given[:lines])  # it only grows
    shown = [f"│ {line[:width]}{'…' if len(line) > width else ''}" for line in begun]
    return shown if len(given) <= lines else [*shown, f"│ … {len(given) - lines} more lines"]


def code(text: str, width: int = 200) -> str:
    """A code span of markdown on one line, cut to `width`: no link, mention or markup comes alive in it. It must not
    stand at the start of a line, where a long one could be read as a fence.
    """
    line = _LONG_RUN.sub(lambda run: f"{len(run[0])} of {_named('`')}", one_line(text, width)) or "⟨empty⟩"
    ticks = "`" * (_longest_run(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def cell(text: str, width: int = 200) -> str:
    """A code span for a table: no bar in it ends the cell."""
    return code(one_line(text, width).replace("|", _named("|")), len(_named("|")) * width)


def fence(lines: Iterable[str], language: str = "") -> str:
    """A code block of markdown that none of its lines can end. The lines are ours up to their bar (see `quoted`)."""
    text = "\n".join(lines)
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)

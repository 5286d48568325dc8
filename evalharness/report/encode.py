"""An encoder for each sink other than HTML, so that untrusted text stays text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from evalharness.redaction import scrub, scrubbed

MINUS = "−"
"""The sign of negative changes."""
_READ = 20
_LONG_RUN = re.compile("`{4,}")
_NAMES = {"\t": "\t", "\n": "\n"}


def printable(text: str) -> str:
    """The text without keys, with control characters written as ⟨U+001B⟩.

    So are format characters, such as bidi overrides. Line ends and tabs stay. The bracket of `##[command]` is escaped:
    GitHub's runner obeys it anywhere in a line.
    """
    return _escaped(scrub(text))


def _escaped(text: str) -> str:
    text = text.replace("##[", f"##{_named('[')}")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        _NAMES.get(c) or (_named(c) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c) for c in text
    )


def _named(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def one_line(text: str, width: int = 200) -> str:
    """Printable text on one line, cut to `width` characters.

    Only the start of a long text is read.
    """
    return one_lines([text], width)[0]


def one_lines(texts: Iterable[str], width: int = 200) -> list[str]:
    """Printable texts, each on one line and cut to `width` characters."""
    return [_one_line(text, width) for text in scrubbed(list(texts))]


def _one_line(text: str, width: int) -> str:
    limit = _READ * width
    line = " ".join(_escaped(text[:limit]).split())
    return line if len(line) <= width and len(text) <= limit else line[: width - 1] + "…"


def quoted(text: str, *, lines: int = 40, width: int = 2000) -> list[str]:
    """Printable lines, each behind a bar.

    CI systems read commands at the start of a line.
    """
    given = scrub(text).split("\n")
    starts = (_escaped(line[: width + 1]) for line in given[:lines])  # escaping only lengthens it
    shown = [f"│ {line[:width]}{'…' if len(line) > width else ''}" for line in starts]
    return shown if len(given) <= lines else [*shown, f"│ … {len(given) - lines} more lines"]


def code(text: str, width: int = 200) -> str:
    """A markdown code span on one line, cut to `width`; no markup in it takes effect.

    Never put it at the start of a line, where it could be read as a fence.
    """
    return codes([text], width)[0]


def codes(texts: Iterable[str], width: int = 200) -> list[str]:
    """A code span for each text."""
    return [_code(line) for line in one_lines(texts, width)]


def _code(line: str) -> str:
    line = _LONG_RUN.sub(lambda run: f"{len(run[0])} of {_named('`')}", line) or "⟨empty⟩"
    ticks = "`" * (_longest_run(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def cell(text: str, width: int = 200) -> str:
    """A code span for a table cell: bars are escaped."""
    return cells([text], width)[0]


def cells(texts: Iterable[str], width: int = 200) -> list[str]:
    """A code span for each text of a table cell."""
    return [_code(line.replace("|", _named("|"))) for line in one_lines(texts, width)]


def fence(lines: Iterable[str], language: str = "") -> str:
    """A markdown code block that no line in it can end.

    Untrusted lines must stand behind a bar (see `quoted`).
    """
    text = "\n".join(lines)
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)

"""An encoder for each sink other than HTML, so that untrusted text stays text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from evalharness.redaction import scrub, scrubbed

_READ = 20
_LONG_RUN = re.compile("`{4,}")
_COMMAND = re.compile(r"(##\w*)\[")
"""A command of GitHub (`##[error]`), Azure (`##vso[...]`) or TeamCity, which obey it anywhere in a line."""
_LINE_COMMAND = re.compile(r"^(?=[^\S\n]*::)", re.MULTILINE)
"""The start of a line that GitHub's runner obeys; it skips an indent."""
_ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that terminals act on or hide."""
_NAMES = {"\t": "\t", "\n": "\n"}


def printable(text: str) -> str:
    """The text without keys, with control characters written as ⟨U+001B⟩.

    So are format characters, such as bidi overrides. Line ends and tabs stay. The bracket of `##[command]` and
    `##vso[command]` is escaped: CI systems obey it anywhere in a line.
    """
    return _escaped(scrub(text))


def for_terminal(text: str) -> str:
    """Printable text for a terminal or a CI log: no line of it starts a workflow command."""
    shown = printable(text)
    return _LINE_COMMAND.sub("│ ", shown) if "::" in shown else shown


def json_text(value: Any, indent: int | None = 1) -> str:
    """JSON for programs that a terminal or a CI log can show: it parses to the value without keys.

    Characters that act or hide are JSON escapes.
    """
    text = json.dumps(scrubbed(value), ensure_ascii=False, indent=indent)
    if not text.replace("\n", "").isprintable():
        text = "".join(json.dumps(c)[1:-1] if c != "\n" and _acts(c) else c for c in text)
    return _COMMAND.sub(r"\1\\u005b", text)


def _escaped(text: str) -> str:
    if "##" in text:
        text = _COMMAND.sub(rf"\1{_named('[')}", text)
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(_NAMES.get(c) or (_named(c) if _acts(c) else c) for c in text)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _ACTING


def _named(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def no_command(line: str) -> str:
    """The line, behind a bar where GitHub's runner would obey it as a command; the runner skips an indent."""
    return f"│ {line}" if line.startswith("::") else line


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

"""One encoder for each sink that is not HTML: whatever a model said, it stays text there."""

from __future__ import annotations

import unicodedata

from evalharness.redaction import scrub

MINUS = "−"
"""What a negative change is printed with."""
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
    """Printable, on one line, cut to `width`."""
    line = " ".join(printable(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def quoted(text: str, *, lines: int = 40, width: int = 2000) -> list[str]:
    """Printable, every line behind a bar: untrusted text never starts a line, where CI systems look for commands."""
    given = printable(text).split("\n")
    shown = [f"│ {line[:width]}{'…' if len(line) > width else ''}" for line in given[:lines]]
    return shown if len(given) <= lines else [*shown, f"│ … {len(given) - lines} more lines"]

"""Untrusted text stays text in terminals and in CI logs."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.report.encode import cell, code, fence, one_line, printable, quoted

COMMAND = re.compile(r"^\s*::|##\[")
"""Commands of GitHub's runner: `::` behind spaces at the start of a line, `##[` anywhere (ActionCommand.cs)."""
ANYTHING = st.text(st.characters() | st.sampled_from("\n\r\t\x1b:#[]\u2028\u202e\x9b"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é, 語, 🙂", "plain text, é, 語, 🙂"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("\x1b]52;c;aGk=\x07", "⟨U+001B⟩]52;c;aGk=⟨U+0007⟩"),  # OSC 52 writes the clipboard
        ("\x1b]8;;https://x\x1b\\link", "⟨U+001B⟩]8;;https://x⟨U+001B⟩\\link"),  # OSC 8 is a link
        ("\x9b6n", "⟨U+009B⟩6n"),  # C1: the terminal would answer on stdin
        ("safe\rover", "safe⟨U+000D⟩over"),
        ("back\x08space\x7f", "back⟨U+0008⟩space⟨U+007F⟩"),
        ("nul\x00", "nul⟨U+0000⟩"),
        ("admin\u202egpj.exe", "admin⟨U+202E⟩gpj.exe"),
        ("\u2066isolate\u2069", "⟨U+2066⟩isolate⟨U+2069⟩"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("a\u2028b\u2029c\x85d", "a⟨U+2028⟩b⟨U+2029⟩c⟨U+0085⟩d"),
        ("half \ud83d pair", "half ⟨U+D83D⟩ pair"),
        ("##[error]boom", "##⟨U+005B⟩error]boom"),
        ("see ##[add-mask]a", "see ##⟨U+005B⟩add-mask]a"),
        ("###[x", "###⟨U+005B⟩x"),
        ("# [x] ##", "# [x] ##"),
        ("", ""),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """Control and invisible characters are named; all others stay as they are."""
    assert printable(text) == shown
    assert printable(shown) == shown


@settings(deadline=None)
@given(ANYTHING)
def test_nothing_acts(text: str) -> None:
    """No text at all leaves a character that a terminal acts on, or that UTF-8 cannot hold."""
    shown = printable(text)
    assert not {unicodedata.category(c) for c in shown if c not in "\t\n"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert shown.encode().count(b"\n") == text.count("\n")


@settings(deadline=None)
@given(ANYTHING, st.integers(1, 60))
def test_one_line(text: str, width: int) -> None:
    """`one_line` returns one line of at most `width` characters, without spaces around it."""
    line = one_line(text, width)
    assert len(line.splitlines()) <= 1
    assert len(line) <= width
    assert line == line.strip()


@pytest.mark.parametrize(
    ("text", "width", "line"),
    [
        ("a  b\n\tc", 9, "a b c"),
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("", 5, ""),
        ("x" * 10**6, 3, "xx…"),
    ],
)
def test_one_line_is_cut(text: str, width: int, line: str) -> None:
    """Spaces and line ends become one space, and a long text ends in dots."""
    assert one_line(text, width) == line


@settings(deadline=None)
@given(ANYTHING)
def test_quoted_never_starts_a_line(text: str) -> None:
    """Every quoted line starts with a bar, so that no CI system obeys it as a command."""
    for line in quoted(text):
        assert line.startswith("│ ")
        assert line.splitlines() == [line]
        assert not COMMAND.search(line)


@pytest.mark.parametrize(
    "payload",
    [
        *("::error::x", " ::error::x", "\t::stop-commands::t", "##[error]x", "x\n::add-mask::y", "x\r::error::y"),
        *("x\r\n::set-output name=a::b", "\u2028::error::x", "\x85::error::x", "\x0b::error::x", "a ##[command]b"),
    ],
)
def test_commands_of_ci_systems(payload: str) -> None:
    """No payload starts a line as a workflow command."""
    for text in (*quoted(payload), f"case {one_line(payload)}"):
        assert not any(COMMAND.search(line) for line in text.splitlines())


def test_long_texts() -> None:
    """Long lines are cut, and omitted lines are counted."""
    assert quoted("x" * 5, width=3) == ["│ xxx…"]
    assert quoted("a\nb\nc\nd", lines=2) == ["│ a", "│ b", "│ … 2 more lines"]
    assert quoted("") == ["│ "]
    assert sum(map(len, quoted("y" * 10**6 + "\n" * 10**5))) < 3_000


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("plain", "`plain`"),
        ("two\nlines", "`two lines`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a``", "``` a`` ```"),
        ("a" + "`" * 9, "`a9 of ⟨U+0060⟩`"),
        ("", "`⟨empty⟩`"),
        ("a|b", "`a|b`"),
        ("@team", "`@team`"),
        ("x" * 300, f"`{'x' * 199}…`"),
    ],
)
def test_code(text: str, span: str) -> None:
    """A text in markdown is a code span that it cannot end."""
    assert code(text) == span


def test_cell() -> None:
    """In a table no bar of a text ends the cell."""
    assert cell("a|b") == "`a⟨U+007C⟩b`"
    assert "|" not in cell("|" * 10_000)


@pytest.mark.parametrize("longest", [0, 1, 2, 3, 4, 50])
def test_fence(longest: int) -> None:
    """A fence is longer than any run of backticks within."""
    first, *lines, last = fence(["`" * longest, "``", "text"], "diff").split("\n")
    assert lines == ["`" * longest, "``", "text"]
    assert (first, last) == (f"{last}diff", "`" * max(3, longest + 1))

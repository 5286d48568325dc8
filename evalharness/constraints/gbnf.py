"""Parse GBNF, the grammar notation of llama.cpp, before native code does.

Source: grammars/README.md and src/llama-grammar.cpp of llama.cpp. This parser is stricter: it rejects duplicate rules,
empty character sets and tokens (`<[5]>`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

MAX_CHARS = 100_000
"""Characters of a grammar."""
MAX_SYMBOLS = 5_000
"""Literals, sets, names and groups of all rules."""
MAX_RULES = 1_000
MAX_DEPTH = 32
"""Nested groups."""
MAX_REPEATS = 1_000
"""Maximum of `m` and `n` in `{m,n}`."""

_ESCAPE = r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[trn\\\"\[\]-])"
_TOKEN = re.compile(
    rf"""(?P<blank>[ \t]+|\#[^\r\n]*)
    |(?P<newline>\r?\n)
    |(?P<defines>::=)
    |(?P<name>[A-Za-z0-9-]+)
    |(?P<literal>"(?:[^"\\]|{_ESCAPE})*")
    |(?P<set>\[(?:[^\]\\]|{_ESCAPE})*\]|\.)
    |(?P<repeat>[*+?]|\{{[ \t]*[0-9]+[ \t]*(?:,[ \t]*[0-9]*[ \t]*)?\}})
    |(?P<open>\()|(?P<close>\))|(?P<or>\|)
    |(?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)
_CHARACTER = re.compile(rf"{_ESCAPE}|.", re.DOTALL)
_ESCAPED = re.compile(_ESCAPE)
_RANGE = re.compile(rf"({_ESCAPE}|.)(?:-({_ESCAPE}|.))?", re.DOTALL)
_UNREADABLE = re.compile(r"[^\t\n\r -\x7e\xa0-\ud7ff\ue000-\U0010ffff]")
"""NUL ends the text for native code; the others are invisible or not characters."""
_MALFORMED = {
    '"': "unterminated literal or unknown escape",
    "[": "unterminated set or unknown escape",
    "{": "invalid repetition: expected {m}, {m,} or {m,n}",
}
_OPERATORS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class GrammarError(ValueError):
    """A grammar is invalid or unsafe: the text starts with line and column."""

    def __init__(self, message: str, text: str, offset: int) -> None:
        self.line, self.column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
        super().__init__(f"line {self.line}, column {self.column}: {message}")


class Chars(NamedTuple):
    """A literal or one character of a set, written with `length` characters."""

    shortest: int
    length: int


class RuleReference(NamedTuple):
    """A reference to a rule by name."""

    name: str
    offset: int


class Group(NamedTuple):
    """Alternatives, each a sequence of items."""

    alternatives: tuple[tuple[Item, ...], ...]


class Repeat(NamedTuple):
    """A repeated item; `maximum` is None if unbounded."""

    item: Item
    minimum: int
    maximum: int | None
    offset: int


_EMPTY = Chars(0, 1)
Item = Chars | RuleReference | Group | Repeat


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `name ::= body`."""

    name: str
    body: Group
    offset: int


class _Token(NamedTuple):
    kind: str
    text: str
    offset: int


def read_grammar(text: str) -> dict[str, Rule]:
    """The rules by name. Raises GrammarError for invalid or too large grammars."""
    if len(text) > MAX_CHARS:
        raise GrammarError(f"the grammar has more than {MAX_CHARS:,} characters", text, MAX_CHARS)
    if found := _UNREADABLE.search(text):
        raise GrammarError(f"character U+{ord(found[0]):04X} is not allowed in a grammar", text, found.start())
    return _Parser(text).rules()


class _Parser:
    """Parses the tokens of one grammar."""

    def __init__(self, text: str) -> None:
        self.text, self.symbols = text, 0
        self.tokens: Iterator[_Token] = _tokens(text)
        self.token = next(self.tokens)

    def rules(self) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        self._skip_lines()
        while self.token.kind != "end":
            rule = self.rule()
            if rule.name in rules:
                self.fail(f"duplicate rule '{rule.name}'", rule.offset)
            if len(rules) == MAX_RULES:
                self.fail(f"more than {MAX_RULES:,} rules", rule.offset)
            rules[rule.name] = rule
            self._skip_lines()
        return rules

    def rule(self) -> Rule:
        name = self.take("name", "a rule name")
        self.take("defines", "'::='")
        self._skip_lines()
        body = self.alternatives(0)
        if self.token.kind not in ("newline", "end"):
            self._fail_unexpected()
        return Rule(name.text, body, name.offset)

    def alternatives(self, depth: int) -> Group:
        found = [self.sequence(depth)]
        while self.token.kind == "or":
            self._advance()
            self._skip_lines()
            found.append(self.sequence(depth))
        return Group(tuple(found))

    def sequence(self, depth: int) -> tuple[Item, ...]:
        items: list[Item] = []
        while True:
            if depth:  # a group may span lines
                self._skip_lines()
            if self.token.kind == "repeat":
                items.append(self.repeat(items.pop() if items else None))
            elif self.token.kind in ("literal", "set", "name", "open"):
                items.append(self.item(depth))
            else:
                return tuple(items)

    def item(self, depth: int) -> Item:
        self.symbols += 1
        if self.symbols > MAX_SYMBOLS:
            self.fail(f"more than {MAX_SYMBOLS:,} literals, sets, names and groups")
        kind, text, offset = self.token
        if kind == "open":
            return self.group(depth + 1)
        self._advance()
        if kind == "name":
            return RuleReference(text, offset)
        self._check_characters(kind, text, offset)
        length = sum(1 for _ in _CHARACTER.finditer(text[1:-1]))
        return Chars(length if kind == "literal" else 1, max(1, length))

    def _check_characters(self, kind: str, text: str, offset: int) -> None:
        """Reject sets that match no character: they crash native code."""
        if text in ("[]", "[^]"):
            self.fail(f"empty set {text}", offset)
        for escape in _ESCAPED.findall(text):
            if _code_point(escape) > 0x10FFFF or 0xD800 <= _code_point(escape) <= 0xDFFF:
                self.fail(f"invalid character {escape}", offset)
        for first, last in _RANGE.findall(text[1:-1].removeprefix("^")) if kind == "set" else ():
            if last and _code_point(first) > _code_point(last):
                self.fail(f"empty range {first}-{last}", offset)

    def group(self, depth: int) -> Group:
        if depth > MAX_DEPTH:
            self.fail(f"groups are nested deeper than {MAX_DEPTH}")
        self._advance()
        self._skip_lines()
        found = self.alternatives(depth)
        self.take("close", "')'")
        return found

    def repeat(self, item: Item | None) -> Repeat:
        token = self.token
        if item is None or item == _EMPTY:
            self.fail(f"nothing to repeat before {_shown(token)}")
        if isinstance(item, Repeat):
            self.fail(f"{_shown(token)} follows another repetition: add parentheses")
        minimum, maximum = _OPERATORS[token.text] if token.text in _OPERATORS else _counts(token.text)
        if max(minimum, maximum or 0) > MAX_REPEATS:
            self.fail(f"{_shown(token)} repeats more than {MAX_REPEATS:,} times")
        if maximum is not None and maximum < max(minimum, 1):
            self.fail(f"{_shown(token)} can never match")
        self._advance()
        return Repeat(item, minimum, maximum, token.offset)

    def take(self, kind: str, expected: str) -> _Token:
        token = self.token
        if token.kind != kind:
            self._fail_unexpected(expected)
        self._advance()
        return token

    def _skip_lines(self) -> None:
        while self.token.kind == "newline":
            self._advance()

    def _advance(self) -> None:
        self.token = next(self.tokens)

    def _fail_unexpected(self, expected: str = "") -> NoReturn:
        shown = _shown(self.token)
        if self.token.kind == "unknown" and self.token.text in _MALFORMED:
            self.fail(_MALFORMED[self.token.text])
        self.fail(f"expected {expected}, got {shown}" if expected else f"unexpected {shown}")

    def fail(self, message: str, offset: int | None = None) -> NoReturn:
        raise GrammarError(message, self.text, self.token.offset if offset is None else offset)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "blank":
            yield _Token(str(match.lastgroup), match[0], match.start())
    yield _Token("end", "", len(text))


def _counts(braces: str) -> tuple[int, int | None]:
    """The minimum and maximum of `{m}`, `{m,}` or `{m,n}`. Nine digits are enough to exceed the limit."""
    first, comma, second = (part.strip() for part in braces[1:-1].partition(","))
    minimum, maximum = (int(digits[:9]) if digits else None for digits in (first, second))
    assert minimum is not None
    return minimum, (maximum if comma else minimum)


def _code_point(text: str) -> int:
    """The code point of a character or an escape."""
    if len(text) > 2:
        return int(text[2:], 16)
    return ord({r"\t": "\t", r"\r": "\r", r"\n": "\n"}.get(text, text[-1]))


def _shown(token: _Token) -> str:
    text = token.text if len(token.text) <= 30 else token.text[:30] + "…"
    return {"end": "the end of the grammar", "newline": "the end of the line"}.get(token.kind, f"'{text}'")

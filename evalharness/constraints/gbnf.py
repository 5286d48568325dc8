"""Read GBNF, llama.cpp's notation of grammars, as far as it takes to know what native code would make of it.

Source: grammars/README.md and src/llama-grammar.cpp of llama.cpp. Read more strictly than there: a rule stands once, a
set of characters is not empty, and tokens of a model (`<[5]>`) are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

MOST_CHARS = 100_000
"""Of a grammar's text."""
MOST_SYMBOLS = 5_000
"""Literals, sets, names and groups, in all rules together."""
MOST_RULES = 1_000
MOST_DEPTH = 32
"""Groups in one another."""
MOST_REPEATS = 1_000
"""`m` and `n` of `{m,n}`."""

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
"""NUL would end the text for native code; the rest cannot be seen, or is no text."""
_CUT = {
    '"': "a literal without an end, or with an unknown escape",
    "[": "a set without an end, or with an unknown escape",
    "{": "a repetition that is not {m}, {m,} or {m,n}",
}
_SIGNS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class GrammarProblem(ValueError):
    """A grammar that is refused: the text says where and why."""

    def __init__(self, message: str, text: str, at: int) -> None:
        self.line, self.column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
        super().__init__(f"line {self.line}, column {self.column}: {message}")


class Chars(NamedTuple):
    """A literal of `length` characters, or one character of a set that has `length` of them written down."""

    shortest: int
    length: int


class Reference(NamedTuple):
    """The name of a rule."""

    name: str
    at: int


class Group(NamedTuple):
    """Alternatives, each a sequence."""

    alternatives: tuple[tuple[Item, ...], ...]


class Repeat(NamedTuple):
    """What may come several times; `most` None: without end."""

    item: Item
    least: int
    most: int | None
    at: int


_NOTHING = Chars(0, 1)
Item = Chars | Reference | Group | Repeat


@dataclass(frozen=True, slots=True)
class Rule:
    """`name ::= body`."""

    name: str
    body: Group
    at: int


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def read_grammar(text: str) -> dict[str, Rule]:
    """The rules by name. Raises GrammarProblem: not GBNF, or more of something than the bounds above."""
    if len(text) > MOST_CHARS:
        raise GrammarProblem(f"the grammar has more than {MOST_CHARS:,} characters", text, MOST_CHARS)
    if found := _UNREADABLE.search(text):
        raise GrammarProblem(f"the character U+{ord(found[0]):04X} cannot stand in a grammar", text, found.start())
    return _Reader(text).rules()


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, text: str) -> None:
        self.text, self.symbols = text, 0
        self.tokens: Iterator[_Token] = _tokens(text)
        self.token = next(self.tokens)

    def rules(self) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        self.skip_lines()
        while self.token.kind != "end":
            rule = self.rule()
            if rule.name in rules:
                self.fail(f"the rule '{rule.name}' stands here twice", rule.at)
            if len(rules) == MOST_RULES:
                self.fail(f"there are more than {MOST_RULES:,} rules", rule.at)
            rules[rule.name] = rule
            self.skip_lines()
        return rules

    def rule(self) -> Rule:
        name = self.take("name", "the name of a rule")
        self.take("defines", "::=")
        self.skip_lines()
        body = self.alternatives(0)
        if self.token.kind not in ("newline", "end"):
            self.fail(f"{_shown(self.token)} cannot stand here")
        return Rule(name.text, body, name.at)

    def alternatives(self, depth: int) -> Group:
        found = [self.sequence(depth)]
        while self.token.kind == "or":
            self.advance()
            self.skip_lines()
            found.append(self.sequence(depth))
        return Group(tuple(found))

    def sequence(self, depth: int) -> tuple[Item, ...]:
        items: list[Item] = []
        while True:
            if depth:  # within a group a line may end anywhere
                self.skip_lines()
            if self.token.kind == "repeat":
                items.append(self.repeat(items.pop() if items else None))
            elif self.token.kind in ("literal", "set", "name", "open"):
                items.append(self.item(depth))
            else:
                return tuple(items)

    def item(self, depth: int) -> Item:
        self.symbols += 1
        if self.symbols > MOST_SYMBOLS:
            self.fail(f"there are more than {MOST_SYMBOLS:,} literals, sets, names and groups")
        kind, text, at = self.token
        if kind == "open":
            return self.group(depth + 1)
        self.advance()
        if kind == "name":
            return Reference(text, at)
        self.check_characters(kind, text, at)
        length = sum(1 for _ in _CHARACTER.finditer(text[1:-1]))
        return Chars(length if kind == "literal" else 1, max(1, length))

    def check_characters(self, kind: str, text: str, at: int) -> None:
        """What no text can hold leaves nothing to draw, and that ends native code."""
        if text in ("[]", "[^]"):
            self.fail(f"the set {text} is empty", at)
        for escape in _ESCAPED.findall(text):
            if _point(escape) > 0x10FFFF or 0xD800 <= _point(escape) <= 0xDFFF:
                self.fail(f"there is no character {escape}", at)
        for first, last in _RANGE.findall(text[1:-1].removeprefix("^")) if kind == "set" else ():
            if last and _point(first) > _point(last):
                self.fail(f"the range {first}-{last} is empty", at)

    def group(self, depth: int) -> Group:
        if depth > MOST_DEPTH:
            self.fail(f"groups are nested deeper than {MOST_DEPTH}")
        self.advance()
        self.skip_lines()
        found = self.alternatives(depth)
        self.take("close", "a closing parenthesis")
        return found

    def repeat(self, item: Item | None) -> Repeat:
        token = self.token
        if item is None or item == _NOTHING:
            self.fail(f"there is nothing before {_shown(token)} that it could repeat")
        if isinstance(item, Repeat):
            self.fail(f"{_shown(token)} repeats what is repeated already: put that in parentheses")
        least, most = _SIGNS[token.text] if token.text in _SIGNS else _counts(token.text)
        if max(least, most or 0) > MOST_REPEATS:
            self.fail(f"{_shown(token)} repeats more than {MOST_REPEATS:,} times")
        if most is not None and most < max(least, 1):
            self.fail(f"{_shown(token)} leaves nothing that could stand here")
        self.advance()
        return Repeat(item, least, most, token.at)

    def take(self, kind: str, wanted: str) -> _Token:
        token = self.token
        if token.kind != kind:
            self.fail(f"{wanted} should stand here, not {_shown(token)}")
        self.advance()
        return token

    def skip_lines(self) -> None:
        while self.token.kind == "newline":
            self.advance()

    def advance(self) -> None:
        self.token = next(self.tokens)

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        raise GrammarProblem(message, self.text, self.token.at if at is None else at)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "blank":
            yield _Token(str(match.lastgroup), match[0], match.start())
    yield _Token("end", "", len(text))


def _counts(braces: str) -> tuple[int, int | None]:
    """`{m}`, `{m,}` and `{m,n}` as least and most. A number of many digits is too large, whichever it is."""
    first, comma, second = (part.strip() for part in braces[1:-1].partition(","))
    least, most = (int(digits[:9]) if digits else None for digits in (first, second))
    assert least is not None
    return least, (most if comma else least)


def _point(text: str) -> int:
    """The code point of a character of a set, as it is written there."""
    if len(text) > 2:
        return int(text[2:], 16)
    return ord({r"\t": "\t", r"\r": "\r", r"\n": "\n"}.get(text, text[-1]))


def _shown(token: _Token) -> str:
    if token.kind == "unknown" and token.text in _CUT:
        return _CUT[token.text]
    text = token.text if len(token.text) <= 30 else token.text[:30] + "…"
    return {"end": "the end of the grammar", "newline": "the end of the line"}.get(token.kind, f"'{text}'")

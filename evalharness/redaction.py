"""Keys: read from the environment, shown to nobody, and taken out by value of everything that is written or printed.

A provider opens a `Secret`; from then on `scrub` knows its value, and every sink of this package calls `scrub`.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

_LEAST_CHARS = 6
"""Shorter values would black out ordinary words, and protect nothing."""
_forms: Mapping[str, str] = {}
"""Every way in which a known secret may be spelt -> what stands for it. Never changed, but replaced: other threads read
it meanwhile."""
_pattern: re.Pattern[str] | None = None
_remembering = threading.Lock()


def expect(name: str | None) -> None:
    """From now on keep the value of this variable out of everything, whether or not anybody comes to need it."""
    if name and (value := os.environ.get(name, "").strip()):
        _remember(name, value)


def is_variable(name: str) -> bool:
    """Whether this can be an environment variable. What cannot may be a key in its place: never show it."""
    return re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,99}", name) is not None


class Secret:
    """The value of an environment variable. Neither `repr` nor `str` gives it away."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str) -> None:
        """`name`: of the variable. Raises LookupError when it is not set, or can be none: it may be a key itself."""
        if not is_variable(name):
            raise LookupError("this is no name of an environment variable, and is not shown: it may be the key itself")
        value = os.environ.get(name, "").strip()
        if not value:
            raise LookupError(f"the environment variable {name} is not set")
        self._keep(name, value)

    @classmethod
    def made(cls, name: str, value: str) -> Secret:
        """One that was made here, and stands in no variable. `name`: what stands for it."""
        secret = cls.__new__(cls)
        secret._keep(name, value)
        return secret

    def _keep(self, name: str, value: str) -> None:
        self.name, self._value = name, value
        _remember(name, value)

    def reveal(self) -> str:
        """The value, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"[{self.name}]"


def scrub(text: str) -> str:
    """The text, with `[NAME]` in place of every known secret: plain, URL-quoted, base64, JSON- or HTML-escaped."""
    held = any(form in text for form in _forms)  # nearly never, and told much sooner than by the pattern
    return _pattern.sub(_stand_in, text) if _pattern and held else text


def shortened(value: object, most: int = 200) -> str:
    """What a value looks like, at most so many characters: scrubbed before it is cut, or half a key would stay."""
    return scrub(str(value))[:most]


def scrubbed(value: Any) -> Any:
    """Plain data, every text in them scrubbed: in JSON text a key may stand across an escape, and must not break it."""
    if _pattern is None:
        return value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrubbed(name): scrubbed(inner) for name, inner in value.items()}
    return [scrubbed(inner) for inner in value] if isinstance(value, list | tuple) else value


def _stand_in(found: re.Match[str]) -> str:
    """In JSON text a backslash before it may belong to its first character: in "line end, ine" the text has the
    characters of "nine". It then becomes a backslash of its own, and the text stays JSON.
    """
    backslashes = found[1] + "\\" * (len(found[1]) % 2)
    return backslashes + _forms[found[2]]


def _remember(name: str, value: str) -> None:
    global _forms, _pattern
    if len(value) < _LEAST_CHARS:
        return
    with _remembering:
        _forms = {**_forms, **dict.fromkeys(_spellings(value), f"[{name}]")}
        longest_first = sorted(_forms, key=len, reverse=True)
        _pattern = re.compile(rf"(\\*)({'|'.join(re.escape(form) for form in longest_first)})")


def _spellings(value: str) -> set[str]:
    quoted = {quote(value), quote(value, safe=""), quote_plus(value)}
    quoted |= {re.sub("%..", lambda found: found[0].lower(), form) for form in quoted}
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_html = html.escape(value)
    as_jinja2 = in_html.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    markup = {in_html, as_jinja2, html.escape(value, quote=False)}
    return {value, *quoted, *escaped, *markup, *_base64_forms(value.encode())}


def _base64_forms(value: bytes) -> set[str]:
    """As it looks within the base64 of a longer text, which may begin 0, 1 or 2 bytes before it."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value)
        whole = (before + len(value)) // 3 * 4  # the last group depends on what follows
        found.add(encoded[-(-before * 8 // 6) : whole].decode())
    plain = {form for form in found if len(form) >= _LEAST_CHARS}
    return plain | {form.replace("+", "-").replace("/", "_") for form in plain}

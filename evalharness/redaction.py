"""Read keys from the environment, and redact their values in all output.

A provider opens a `Secret`. From then on `scrub` redacts its value, and every output of this package calls `scrub`.
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

_MIN_CHARS = 6
"""Redacting shorter values would hide ordinary words and protect nothing."""
_forms: Mapping[str, str] = {}
"""Each encoding of each known secret, and its replacement. Replaced, never modified, because other threads read it."""
_pattern: re.Pattern[str] | None = None
_lock = threading.Lock()


def redact_variable(name: str | None) -> None:
    """Redact the value of this environment variable from now on."""
    if name and (value := os.environ.get(name, "").strip()):
        _register(name, value)


def is_variable(name: str) -> bool:
    """Whether `name` is a valid variable name; an invalid one may be a key."""
    return re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,99}", name) is not None


class Secret:
    """The value of an environment variable, which `repr` and `str` do not show."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str) -> None:
        """Read the variable `name`. Raises LookupError if it is unset or the name is invalid."""
        if not is_variable(name):
            raise LookupError(
                "expected the name of an environment variable, got another text (not shown: it may be the key itself)"
            )
        value = os.environ.get(name, "").strip()
        if not value:
            raise LookupError(f"the environment variable {name} is not set")
        self._set(name, value)

    @classmethod
    def from_value(cls, name: str, value: str) -> Secret:
        """A secret that this process generated; `[name]` replaces it in output."""
        secret = cls.__new__(cls)
        secret._set(name, value)
        return secret

    def _set(self, name: str, value: str) -> None:
        self.name, self._value = name, value
        _register(name, value)

    def reveal(self) -> str:
        """The value, for the code that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"[{self.name}]"


def scrub(text: str) -> str:
    """The text with `[NAME]` in place of each known secret.

    Finds secrets that are plain, URL-quoted, base64, JSON-escaped or HTML-escaped.
    """
    found = any(form in text for form in _forms)  # much faster than the pattern, and nearly always false
    return _pattern.sub(_replacement, text) if _pattern and found else text


def shortened(value: object, max_chars: int = 200) -> str:
    """The scrubbed text of a value, at most `max_chars` characters long."""
    return scrub(str(value))[:max_chars]  # cutting first could leave half a key


def scrubbed(value: Any) -> Any:
    """Plain data with every text scrubbed, before JSON escapes can split a key."""
    if _pattern is None:
        return value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrubbed(name): scrubbed(inner) for name, inner in value.items()}
    return [scrubbed(inner) for inner in value] if isinstance(value, list | tuple) else value


def _replacement(found: re.Match[str]) -> str:
    """The replacement, with an even number of backslashes before it.

    In JSON text, the first character of the match can belong to an escape. A complete backslash keeps the text JSON.
    """
    backslashes = found[1] + "\\" * (len(found[1]) % 2)
    return backslashes + _forms[found[2]]


def _register(name: str, value: str) -> None:
    global _forms, _pattern
    if len(value) < _MIN_CHARS:
        return
    with _lock:
        _forms = {**_forms, **dict.fromkeys(_encodings(value), f"[{name}]")}
        longest_first = sorted(_forms, key=len, reverse=True)
        _pattern = re.compile(rf"(\\*)({'|'.join(re.escape(form) for form in longest_first)})")


def _encodings(value: str) -> set[str]:
    quoted = {quote(value), quote(value, safe=""), quote_plus(value)}
    quoted |= {re.sub("%..", lambda found: found[0].lower(), form) for form in quoted}
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_html = html.escape(value)
    as_jinja2 = in_html.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    markup = {in_html, as_jinja2, html.escape(value, quote=False)}
    return {value, *quoted, *escaped, *markup, *_base64_forms(value.encode())}


def _base64_forms(value: bytes) -> set[str]:
    """The value inside the base64 of a longer text, at each of the three alignments."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value)
        whole = (before + len(value)) // 3 * 4  # the last group depends on the bytes after it
        found.add(encoded[-(-before * 8 // 6) : whole].decode())
    plain = {form for form in found if len(form) >= _MIN_CHARS}
    return plain | {form.replace("+", "-").replace("/", "_") for form in plain}

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
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

_WORD = "(?:[A-Z]?[a-z]{1,19}|[A-Z]{1,20}|[A-Za-z0-9]{1,4})[0-9]{0,3}"
_VARIABLE = re.compile(f"_*{_WORD}(_+{_WORD})*_*")
"""Words of letters. Most keys mix letters, digits and cases in one word."""
_KEY_START = re.compile("(sk|pk|rk|gsk|hf|gh[opsu]|github_pat|glpat|xox[a-z]|xai|nvapi|pplx|r8)_|A[KS]IA[A-Z0-9]")
"""How the keys of well-known hosts start."""
_MOST_NAME_CHARS, _MOST_WORD_CHARS = 64, 12
_SECRET_OPTION = re.compile("(^|[_-])(key|token|secret|password)$", re.IGNORECASE)
_MIN_CHARS = 6
"""Redacting shorter values would hide ordinary words and protect nothing."""
_forms: Mapping[str, str] = {}
"""Each encoding of each known secret, and its replacement. Replaced, never modified, because other threads read it."""
_in_json: tuple[bytes, ...] = ()
"""Each of these encodings as UTF-8 in a JSON text."""
_pattern: re.Pattern[str] | None = None
_lock = threading.Lock()


def redact_variable(name: str | None) -> None:
    """Redact the value of this environment variable from now on, or the text that stands in place of a name."""
    if name and (value := os.environ.get(name, "").strip()):
        _register(name, value)
    elif name and not is_variable(name):
        _register("not a variable", name)


def redact_settings(settings: Any, name: str = "") -> None:
    """Redact the secrets of a configuration from now on, wherever they stand.

    These are the values of the variables that options such as `api_key_env` name, the credentials in URLs, and the
    values of options such as `token`, which no provider takes. `name` is that of the option.
    """
    if isinstance(settings, Mapping):
        for key, value in settings.items():  # `headers_env` holds names of variables by header
            redact_settings(value, name if name.endswith("_env") else str(key))
    elif isinstance(settings, list | tuple):
        for value in settings:
            redact_settings(value, name)
    elif isinstance(settings, str):
        if name.endswith("_env"):
            redact_variable(settings)
        elif _SECRET_OPTION.search(name):
            _register(name, settings)
        elif "://" in settings:
            _register_all(name, _credentials(settings))


def is_variable(name: str) -> bool:
    """Whether `name` is a variable of the environment, or looks like the name of one. Other texts may be keys."""
    return name in os.environ or (
        len(name) <= _MOST_NAME_CHARS
        and _VARIABLE.fullmatch(name) is not None
        and _KEY_START.match(name) is None
        and ("_" in name or not name.islower() or len(name) <= _MOST_WORD_CHARS)
    )


class Secret:
    """The value of an environment variable, which `repr` and `str` do not show."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str) -> None:
        """Read the variable `name`. Raises LookupError if it is unset, or if `name` does not look like one."""
        redact_variable(name)
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

    Finds secrets that are plain, URL-quoted, base64, JSON-escaped, HTML-escaped or printed by Python's `repr`.
    """
    if _pattern is None:
        return text
    found = any(form in text for form in _forms)  # much faster than the pattern, and nearly always false
    return _pattern.sub(_replacement, text) if found else text


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


def may_show_secret(line: bytes) -> bool:
    """Whether a JSON text in UTF-8 may have a value that `scrubbed` would change."""
    return any(form in line for form in _in_json)


def _replacement(found: re.Match[str]) -> str:
    """The replacement, with an even number of backslashes before it.

    In JSON text, the first character of the match can belong to an escape. A complete backslash keeps the text JSON.
    """
    backslashes = found[1] + "\\" * (len(found[1]) % 2)
    return backslashes + _forms[found[2]]


def _register(name: str, value: str) -> None:
    """Redact a value, and the credentials in it if it is a URL."""
    _register_all(name, [*_credentials(value), value])


def _register_all(name: str, values: Iterable[str]) -> None:
    global _forms, _in_json, _pattern
    forms = {form for value in values if len(value) >= _MIN_CHARS for form in _encodings(value)}
    if not forms:
        return
    with _lock:
        _forms = {**_forms, **dict.fromkeys(forms, f"[{name}]")}
        # JSON escapes character by character, so a text with one of the encodings has its escaped form
        _in_json = tuple(json.dumps(form, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass") for form in _forms)
        longest_first = sorted(_forms, key=len, reverse=True)
        _pattern = re.compile(rf"(\\*)({'|'.join(re.escape(form) for form in longest_first)})")


def _credentials(url: str) -> list[str]:
    """User, password and both with a colon, as Basic authentication sends them; as written, and unquoted."""
    if "@" not in url:
        return []
    both = url.partition("://")[2].partition("/")[0] if "://" in url else url
    both = both.rpartition("@")[0]
    found = [both, *both.split(":", 1)]
    return [*found, *map(unquote, found)]


def _encodings(value: str) -> set[str]:
    quoted = {quote(value), quote(value, safe=""), quote_plus(value)}
    quoted |= {re.sub("%..", lambda found: found[0].lower(), form) for form in quoted}
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_html = html.escape(value)
    as_jinja2 = in_html.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    markup = {in_html, as_jinja2, html.escape(value, quote=False)}
    printed = {repr(value)[1:-1], ascii(value)[1:-1], repr(value.encode("utf-8", "replace"))[2:-1]}
    return {value, *quoted, *escaped, *printed, *markup, *_base64_forms(value.encode("utf-8", "replace"))}


def _base64_forms(value: bytes) -> set[str]:
    """The value inside the base64 of a longer text, at each of the three alignments."""
    whole_value = base64.b64encode(value).decode()
    found = {whole_value, whole_value.rstrip("=")}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value)
        whole = (before + len(value)) // 3 * 4  # the last group depends on the bytes after it
        found.add(encoded[-(-before * 8 // 6) : whole].decode())
    plain = {form for form in found if len(form) >= _MIN_CHARS}
    return plain | {form.replace("+", "-").replace("/", "_") for form in plain}

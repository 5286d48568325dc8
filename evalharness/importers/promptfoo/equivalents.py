"""Checks with the same meaning as an assertion of promptfoo."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from evalharness.errors import EvalHarnessError
from evalharness.importers.promptfoo.cells import comma_separated
from evalharness.scoring.checks import open_check

Check = dict[str, Any]
_NEGATIONS = {"contains": "not_contains", "regex": "not_regex", "equals": "not_equals"}
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class NoEquivalentError(Exception):
    """An assertion cannot be converted: the text has the reason."""


def validated(name: str, value: Any) -> Check:
    """The check. Raises NoEquivalentError for a value that it refuses."""
    try:
        open_check(name, value)
    except (ValueError, LookupError, EvalHarnessError) as error:
        raise NoEquivalentError(str(error)) from None
    return {name: value}


def negation(checks: list[Check]) -> Check:
    """The opposite check. Raises NoEquivalentError if there is none."""
    (name, value), *others = [pair for check in checks for pair in check.items()]
    if others or name not in _NEGATIONS:
        raise NoEquivalentError("its negation has no equivalent")
    return {_NEGATIONS[name]: value}


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NoEquivalentError("expected a text")
    return str(value)


def _filled(value: Any) -> str:
    """A text that is not empty: promptfoo refuses an empty one, which every answer contains."""
    if value == "":
        raise NoEquivalentError("expected a text that is not empty")
    return _text(value)


def _list(value: Any) -> list[str]:
    items = value if isinstance(value, list) else comma_separated(_text(value))
    if not items:
        raise NoEquivalentError("expected a list of texts")
    return [json.dumps(item) if isinstance(item, bool) else _text(item) for item in items]


def _escaped(text: str) -> str:
    """The text escaped for RE2, with readable letters of all scripts."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _any(value: Any, flags: str) -> str:
    return f"{flags}({'|'.join(map(_escaped, _list(value)))})"


def _equals(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict | list):
        return [("json_schema", {"const": value})]
    return [("equals", _text(value if not isinstance(value, bool) else json.dumps(value)))]


def _is_json(value: Any) -> list[tuple[str, Any]]:
    return [("json_valid", True)] if value in (None, "") else [("json_schema", value)]


def _word_count(value: Any) -> list[tuple[str, Any]]:
    bounds = value if isinstance(value, dict) else {"min": value, "max": value}
    numbers = {key: int(number) if str(number).isdigit() else number for key, number in bounds.items()}
    if not numbers or set(numbers) - {"min", "max"}:
        raise NoEquivalentError("expected a number, or min and max")
    return [(f"{key}_words", number) for key, number in numbers.items()]


TRANSLATIONS: Mapping[str, Callable[[Any], list[tuple[str, Any]]]] = {
    "equals": _equals,
    "contains": lambda value: [("contains", _filled(value))],
    "icontains": lambda value: [("regex", f"(?i){_escaped(_filled(value))}")],
    "contains-all": lambda value: [("contains", text) for text in _list(value)],
    "icontains-all": lambda value: [("regex", f"(?i){_escaped(text)}") for text in _list(value)],
    "contains-any": lambda value: [("regex", _any(value, ""))],
    "icontains-any": lambda value: [("regex", _any(value, "(?i)"))],
    "starts-with": lambda value: [("regex", rf"\A{_escaped(_filled(value))}")],
    "regex": lambda value: [("regex", _filled(value))],
    "is-json": _is_json,
    "word-count": _word_count,
}
"""The checks of a type for its value, by the name of promptfoo."""

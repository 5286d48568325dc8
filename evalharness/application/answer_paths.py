"""From the JSON of an application to the answer that `response_of` takes, by the configured paths."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.errors import BilledError, ConfigError, did_you_mean
from evalharness.json_path import MISSING, JsonPath, keys_of, parse_path
from evalharness.redaction import shortened

SINGLE = ("text", "data", "cost_usd", "usage", "error", "refusal", "reasoning")
LISTS: Mapping[str, tuple[str, ...]] = {
    "contexts": ("text", "id", "score"),
    "tool_calls": ("name", "arguments", "result", "id"),
    "citations": ("source", "title", "quote", "start", "end"),
}
"""Options for lists, and the fields of their items; the first one is required."""
_REQUIRED = ("text", "contexts", "data")
"""A path to one of these that finds nothing is an error, unless the application refuses."""
_MOST_SHOWN = 300


@dataclass(frozen=True, slots=True)
class _List:
    """Where the items of a list are, and where their fields are in an item; no fields: the items as they are."""

    items: JsonPath
    fields: Mapping[str, JsonPath]


class AnswerPaths:
    """The configured paths."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Read the paths by option; None for an option that is not set. Raises ConfigError."""
        self._single = {name: parse_path(given[name], name) for name in SINGLE if given.get(name) is not None}
        self._lists = {name: _list(given[name], name) for name in LISTS if given.get(name) is not None}

    def __bool__(self) -> bool:
        return bool(self._single or self._lists)

    def __contains__(self, name: str) -> bool:
        return name in self._single

    def collect(self, found: dict[str, Any], event: Any) -> None:
        """Add what one event of a stream holds; a later event replaces an earlier one."""
        values = {name: _at(path, name, event) for name, path in self._single.items()}
        found.update({name: value for name, value in values.items() if _is_set(value)})
        for name, one in self._lists.items():
            if one.items.find(event):
                found[name] = _items(one, event, name)
            elif _is_empty_list(one.items, event, or_null=name == "tool_calls"):
                found.setdefault(name, [])

    def without_calls(self) -> dict[str, Any]:
        """Return what a stream holds if no event has a tool call."""
        return {"tool_calls": []} if "tool_calls" in self._lists else {}

    def answer(self, document: Any) -> dict[str, Any]:
        """Return what a whole answer holds.

        Raises BilledError: a required path finds nothing (kind `answer`), or there is an error (kind `application`).
        """
        found: dict[str, Any] = {}
        self.collect(found, document)
        raise_error(found)
        if "refusal" in found:
            return found
        for name, path in {**self._single, **{name: one.items for name, one in self._lists.items()}}.items():
            if name in _REQUIRED and name not in found and not _is_empty_list(path, document):
                raise BilledError(f"{name}: {path.text} finds nothing: {_reason(path, document)}", kind="answer")
        return found

    def answer_error(self, document: Any) -> None:
        """Raise BilledError if a document in place of a stream has the application's error."""
        found: dict[str, Any] = {}
        self.collect(found, document)
        raise_error(found)


def raise_error(found: dict[str, Any]) -> None:
    """Raise BilledError if the answer has an error, and remove the field."""
    error = found.pop("error", None)
    if error not in (None, False, "", [], {}, 0):
        text = error if isinstance(error, str) else _json(error)
        shown = " ".join(shortened(text, _MOST_SHOWN).split())
        raise BilledError(f"the application reports an error: {shown}", kind="application")


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "an object that is nested too deeply"


def _at(path: JsonPath, name: str, document: Any) -> Any:
    """The value of an option. With `[*]`, data are a list, and texts are joined."""
    if name == "data" and None in path.steps:
        return path.find(document) or MISSING
    return path.joined(document)


def _is_set(value: Any) -> bool:
    return value is not MISSING and value is not None


def _reason(path: JsonPath, document: Any) -> str:
    return path.why_missing(document) or "it is null"


def _is_empty_list(path: JsonPath, document: Any, *, or_null: bool = False) -> bool:
    """Whether the path leads into empty lists: nothing was retrieved. `or_null`: null counts as one."""
    starts = (path.steps[:at] for at, step in enumerate(path.steps) if step is None)
    return any(
        found and all(one == [] or (or_null and one is None) for one in found)
        for found in (JsonPath("", one).find(document) for one in starts)
    )


def _list(given: Any, option: str) -> _List:
    if isinstance(given, str):
        return _one_path(parse_path(given, option))
    known = LISTS[option]
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"{option}: expected a JSONPath, or a table with {', '.join(known)}, got {shortened(given, 60)!r}"
        )
    if unknown := [name for name in given if name not in known]:
        raise ConfigError(f"{option}: unknown key '{unknown[0]}'{did_you_mean(unknown[0], known)}")
    if known[0] not in given:
        raise ConfigError(f"{option}: '{known[0]}' is missing")
    parts = {name: parse_path(path, f"{option}.{name}").split() for name, path in given.items()}
    items = parts[known[0]][0]
    for name, (start, _) in parts.items():
        if start.steps != items.steps or None not in start.steps:
            expected = f"{items.text}..." if None in items.steps else "a path with [*]"
            raise ConfigError(
                f"{option}.{name}: expected {expected}, because each item has its fields, got {given[name]!r}"
            )
    return _List(items, {name: rest for name, (_, rest) in parts.items()})


def _one_path(path: JsonPath) -> _List:
    """`$.docs[*].body` is a list of texts, `$.docs` and `$.docs[*]` are a list of texts or of objects."""
    if None in path.steps:
        return _List(path, {})
    return _List(JsonPath(f"{path.text}[*]", (*path.steps, None)), {})


def _items(one: _List, document: Any, option: str) -> list[Any]:
    known, found = LISTS[option], one.items.find(document)
    if one.fields:
        rows = [{name: _value(path.first(item), name) for name, path in one.fields.items()} for item in found]
        return [{name: value for name, value in row.items() if _is_set(value)} for row in rows]
    return [_item(item, known, f"{option}[{index}]") for index, item in enumerate(found)]


def _item(item: Any, known: tuple[str, ...], place: str) -> Any:
    """An item without its other keys. Raises BilledError: an object without the required one."""
    if not isinstance(item, dict):
        return item
    if known[0] not in item:
        option = place.partition("[")[0]
        text = (
            f"{place}: expected an object with '{known[0]}', got {keys_of(item)}: set {option} = {{{known[0]} = ...}}"
        )
        raise BilledError(text, kind="answer")
    return {name: _value(item[name], name) for name in known if name in item}


def _value(value: Any, field: str) -> Any:
    """The value of a field. Arguments in JSON text, as OpenAI writes them, become an object."""
    if field == "arguments" and isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value

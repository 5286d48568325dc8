"""Convert assertions of promptfoo to checks, golden answers, metrics and gates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.errors import EvalHarnessError
from evalharness.importers.source import FILE, Node, Source
from evalharness.scoring.checks import open_check

Check = dict[str, Any]
_KEYS = ("type", "value", "threshold", "weight", "metric")
_NEGATIONS = {"contains": "not_contains", "regex": "not_regex", "equals": "not_equals"}
_MEASURES = {"rouge-n": "rouge_1", "levenshtein": "edit_similarity", "bleu": "bleu", "similar": "embedding"}
"""Names of promptfoo, and the metrics that compare with a golden answer."""
_GATES = ("latency", "cost")
_EXPECTED = re.compile(r"(?P<type>(not-)?[a-z]+(-[a-z0-9]+)*)(\((?P<threshold>[0-9.]+)\))?:\s*(?P<value>.*)", re.DOTALL)
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class _NoEquivalentError(Exception):
    """An assertion cannot be converted: the text has the reason."""


@dataclass
class ImportedAssertions:
    """The converted assertions of one test, or of all tests."""

    checks: list[Check] = field(default_factory=list)
    golden: list[str] = field(default_factory=list)
    metrics: dict[str, None] = field(default_factory=dict)
    gates: dict[str, None] = field(default_factory=dict)


def read_assertions(source: Source, node: Node, render: Callable[[str], str]) -> ImportedAssertions:
    """The converted assertions of `node`; the source notes the others.

    `render` fills in the variables of one test.
    """
    found = ImportedAssertions()
    for item in node.each():
        _convert(source, item, render, found)
    return found


def has_template(node: Node) -> bool:
    """Whether an assertion contains a template, so that it depends on the test."""
    return any("{{" in text or "{%" in text for text in _texts(node.value))


def expected_cell(text: str) -> dict[str, Any]:
    """The assertion in a table cell, such as `contains: Paris` or an answer."""
    match = _EXPECTED.fullmatch(text.strip())
    kind = match["type"] if match else text.strip()
    if kind.removeprefix("not-") not in KNOWN or not match:
        bare = kind in ("is-json", "contains-json")
        return {"type": kind} if bare else {"type": "equals", "value": text}
    value: Any = match["value"]
    if kind.endswith(("-any", "-all")):
        value = [part.strip() for part in value.split(",")]
    found = {"type": kind, "value": value, "threshold": match["threshold"]}
    return {key: item for key, item in found.items() if item not in (None, "")}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


def _convert(source: Source, item: Node, render: Callable[[str], str], found: ImportedAssertions) -> None:
    kind = item["type"].text
    try:
        if kind == "assert-set" and "threshold" not in item.value:
            for inner in item["assert"].each():
                _convert(source, inner, render, found)
            return
        _convert_kind(source, item, kind, render, found)
    except _NoEquivalentError as reason:
        source.note(item, f"assertion {kind[:60] or '(no type)'}: {reason}")


def _convert_kind(
    source: Source, item: Node, kind: str, render: Callable[[str], str], found: ImportedAssertions
) -> None:
    plain_kind, negated = kind.removeprefix("not-"), kind.startswith("not-")
    if plain_kind not in KNOWN:
        raise _NoEquivalentError("no equivalent check")
    if unknown := [key for key, _ in item.items() if key not in _KEYS]:
        raise _NoEquivalentError(f"'{unknown[0]}' has no equivalent")
    for key in ("weight", "metric"):
        if item[key]:
            source.note(item[key], f"assertion {kind}: '{key}' has no equivalent: all checks count the same")
    if plain_kind in _GATES:
        _gate(source, item, kind, negated, found)
        return
    value = _rendered(_value(source, item["value"]), render)
    if plain_kind in _MEASURES:
        _measure(source, item, kind, value, negated, found)
        return
    checks = [_validated(name, option) for name, option in _TRANSLATIONS[plain_kind](value)]
    found.checks += [_negated(checks)] if negated else checks
    if plain_kind == "equals" and not negated and isinstance(value, str):
        found.golden.append(value)
        found.metrics["exact"] = None


def _gate(source: Source, item: Node, kind: str, negated: bool, found: ImportedAssertions) -> None:
    if negated:
        raise _NoEquivalentError("no equivalent gate")
    found.gates[kind] = None
    source.note(
        item, f"assertion {kind}: now a gate that compares with the accepted runs; the limit per answer is dropped"
    )


def _measure(source: Source, item: Node, kind: str, value: Any, negated: bool, found: ImportedAssertions) -> None:
    if negated or not isinstance(value, str):
        raise _NoEquivalentError("expected a reference answer")
    found.golden.append(value)
    found.metrics[_MEASURES[kind]] = None
    limit = item["threshold"].plain if item["threshold"] else "its default"
    source.note(item, f"assertion {kind}: now a golden answer with a gate; the threshold ({limit}) is dropped")


def _value(source: Source, node: Node) -> Any:
    if not node.text.startswith(FILE):
        value = node.plain
        return node.text if isinstance(value, int | float) and node.text else value
    opened = source.open_reference(node, node.text)
    if opened is None:
        raise _NoEquivalentError("cannot read its file")
    return opened.plain


def _rendered(value: Any, render: Callable[[str], str]) -> Any:
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        try:
            return render(value)
        except ValueError as error:
            raise _NoEquivalentError(str(error)) from None
    return [_rendered(item, render) for item in value] if isinstance(value, list) else value


def _validated(name: str, value: Any) -> Check:
    try:
        open_check(name, value)
    except (ValueError, LookupError, EvalHarnessError) as error:
        raise _NoEquivalentError(str(error)) from None
    return {name: value}


def _negated(checks: list[Check]) -> Check:
    (name, value), *others = [pair for check in checks for pair in check.items()]
    if others or name not in _NEGATIONS:
        raise _NoEquivalentError("its negation has no equivalent")
    return {_NEGATIONS[name]: value}


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _NoEquivalentError("expected a text")
    return str(value)


def _list(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [part.strip() for part in _text(value).split(",")]
    if not items:
        raise _NoEquivalentError("expected a list of texts")
    return [_text(item) for item in items]


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
        raise _NoEquivalentError("expected a number, or min and max")
    return [(f"{key}_words", number) for key, number in numbers.items()]


_TRANSLATIONS: Mapping[str, Callable[[Any], list[tuple[str, Any]]]] = {
    "equals": _equals,
    "contains": lambda value: [("contains", _text(value))],
    "icontains": lambda value: [("regex", f"(?i){_escaped(_text(value))}")],
    "contains-all": lambda value: [("contains", text) for text in _list(value)],
    "icontains-all": lambda value: [("regex", f"(?i){_escaped(text)}") for text in _list(value)],
    "contains-any": lambda value: [("regex", _any(value, ""))],
    "icontains-any": lambda value: [("regex", _any(value, "(?i)"))],
    "starts-with": lambda value: [("regex", rf"\A{_escaped(_text(value))}")],
    "regex": lambda value: [("regex", _text(value))],
    "is-json": _is_json,
    "word-count": _word_count,
}
KNOWN = {*_TRANSLATIONS, *_MEASURES, *_GATES}
"""Supported names of promptfoo, without `not-`."""

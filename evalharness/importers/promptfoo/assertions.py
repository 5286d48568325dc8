"""Convert assertions of promptfoo to checks, golden answers, metrics and gates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.errors import EvalHarnessError
from evalharness.importers.promptfoo.cells import comma_separated, js_trim
from evalharness.importers.promptfoo.source import FILE, Node, Source, is_program
from evalharness.scoring.checks import open_check
from evalharness.suites.document import DocumentError, plain, read_yaml

Check = dict[str, Any]
_KEYS = ("type", "value", "threshold", "weight", "metric")
_SET_KEYS = ("type", "assert", "weight", "metric")
_NEGATIONS = {"contains": "not_contains", "regex": "not_regex", "equals": "not_equals"}
_MEASURES = {
    "rouge-n": "rouge_1",
    "levenshtein": "edit_similarity",
    "bleu": "bleu",
    "similar": "embedding",
    "similar:cosine": "embedding",
}
"""Names of promptfoo, and the metrics that compare with a golden answer."""
_GATES = ("latency", "cost")
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


def read_assertions(source: Source, nodes: Iterable[Node], render: Callable[[str], str]) -> ImportedAssertions:
    """The converted assertions; the source notes the others.

    `render` fills in the variables of one test.
    """
    found = ImportedAssertions()
    for node in nodes:
        for item in open_assertions(source, node):
            _convert(source, item, render, found)
    return found


def open_assertions(source: Source, node: Node) -> Iterator[Node]:
    """The assertion, or those of the file that it names."""
    opened = source.open_reference(node, node.text) if node.text.startswith(FILE) else node
    if opened is not None:
        yield from opened.each()


def has_template(node: Node) -> bool:
    """Whether an assertion contains a template, so that it depends on the test."""
    return any("{{" in text or "{%" in text for text in _texts(node.value))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


def _convert(source: Source, item: Node, render: Callable[[str], str], found: ImportedAssertions) -> None:
    kind = item["type"].text
    try:
        if kind == "assert-set" and "threshold" not in item.value:
            source.note_unknown_keys(item, _SET_KEYS, "assertion assert-set: ")
            _note_weights(source, item, kind)
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
    _check_keys(item, plain_kind)
    _note_weights(source, item, kind)
    if plain_kind in _GATES:
        _gate(source, item, kind, negated, found)
        return
    value = _value(source, item["value"], render)
    if plain_kind in _MEASURES:
        _measure(source, item, kind, value, negated, found)
        return
    checks = [_validated(name, option) for name, option in _translated(source, item, plain_kind, value)]
    found.checks += [_negated(checks)] if negated else checks
    if plain_kind == "equals" and not negated and isinstance(value, str) and value.strip():
        found.golden.append(value)
        found.metrics["exact"] = None


def _check_keys(item: Node, kind: str) -> None:
    """Raises _NoEquivalentError for an assertion that a check cannot express."""
    if kind not in KNOWN:
        raise _NoEquivalentError("no equivalent check")
    if unknown := [key for key, _ in item.items() if key not in _KEYS]:
        raise _NoEquivalentError(f"'{unknown[0]}' has no equivalent")
    if item["weight"].plain in (0, "0"):
        raise _NoEquivalentError("with weight 0 it never fails, and a check does")


def _note_weights(source: Source, item: Node, kind: str) -> None:
    for key in ("weight", "metric"):
        if item[key]:
            source.note(item[key], f"assertion {kind}: '{key}' has no equivalent: all checks count the same")


def _translated(source: Source, item: Node, kind: str, value: Any) -> list[tuple[str, Any]]:
    if kind == "is-json" and isinstance(value, str) and value:
        value = _schema(source, item, value)
    return _TRANSLATIONS[kind](value)


def _schema(source: Source, item: Node, text: str) -> Any:
    """The schema in a text, which is read as YAML."""
    try:
        return plain(read_yaml(text, item.document.file, source.limits, merges=True).value)
    except DocumentError as error:
        raise _NoEquivalentError(f"its schema cannot be read: {error.problem.message}") from None


def _gate(source: Source, item: Node, kind: str, negated: bool, found: ImportedAssertions) -> None:
    if negated:
        raise _NoEquivalentError("no equivalent gate")
    found.gates[kind] = None
    source.note(
        item, f"assertion {kind}: now a gate that compares with the accepted runs; the limit per answer is dropped"
    )


def _measure(source: Source, item: Node, kind: str, value: Any, negated: bool, found: ImportedAssertions) -> None:
    answers = value if isinstance(value, list) and kind.startswith("similar") else [value]
    if negated or not answers or not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise _NoEquivalentError("expected a reference answer")
    found.golden += answers
    found.metrics[_MEASURES[kind]] = None
    limit = item["threshold"].plain if item["threshold"] else "its default"
    source.note(item, f"assertion {kind}: now a golden answer with a gate; the threshold ({limit}) is dropped")


def _value(source: Source, node: Node, render: Callable[[str], str]) -> Any:
    """The value with its templates rendered, or the content of the file that it names, which is no template."""
    if isinstance(node.value, list):
        return [_value(source, item, render) for item in node.each()]
    if node.text.startswith(FILE):
        return _file_value(source, node)
    value = node.plain
    return _rendered(node.text if isinstance(value, int | float) and node.text else value, render)


def _file_value(source: Source, node: Node) -> Any:
    if is_program(node.text):
        raise _NoEquivalentError("its value is a program, which is not run")
    if not node.text.endswith((".json", ".yaml", ".yml", ".txt")):
        raise _NoEquivalentError("expected a .json, .yaml or .txt file")
    opened = source.open_reference(node, node.text)
    if opened is None:
        raise _NoEquivalentError("cannot read its file")
    value = opened.plain
    return js_trim(value) if isinstance(value, str) else value


def _rendered(value: Any, render: Callable[[str], str]) -> Any:
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        try:
            return render(value)
        except ValueError as error:
            raise _NoEquivalentError(str(error)) from None
    return value


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


def _filled(value: Any) -> str:
    """A text that is not empty: promptfoo refuses an empty one, which every answer contains."""
    if value == "":
        raise _NoEquivalentError("expected a text that is not empty")
    return _text(value)


def _list(value: Any) -> list[str]:
    items = value if isinstance(value, list) else comma_separated(_text(value))
    if not items:
        raise _NoEquivalentError("expected a list of texts")
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
        raise _NoEquivalentError("expected a number, or min and max")
    return [(f"{key}_words", number) for key, number in numbers.items()]


_TRANSLATIONS: Mapping[str, Callable[[Any], list[tuple[str, Any]]]] = {
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
KNOWN = {*_TRANSLATIONS, *_MEASURES, *_GATES}
"""Supported names of promptfoo, without `not-`."""

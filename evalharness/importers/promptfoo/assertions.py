"""Convert assertions of promptfoo to checks, golden answers, metrics and gates."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from evalharness.importers.promptfoo.cells import js_trim
from evalharness.importers.promptfoo.equivalents import TRANSLATIONS, Check, NoEquivalentError, negation, validated
from evalharness.importers.promptfoo.graded import GRADED, Graded, graded
from evalharness.importers.promptfoo.programs import KINDS, Program, function_of, limited
from evalharness.importers.promptfoo.source import FILE, Node, Source, is_program
from evalharness.importers.promptfoo.tools import expected_calls
from evalharness.scoring.similar import read_similar
from evalharness.suites.document import DocumentError, plain, read_yaml

_KEYS = ("type", "value", "threshold", "weight", "metric")
_SET_KEYS = ("type", "assert", "weight", "metric")
_MEASURES = {
    "rouge-n": "rouge_1",
    "levenshtein": "edit_similarity",
    "bleu": "bleu",
}
"""Names of promptfoo, and the metrics that compare with a golden answer."""
_GATES = ("latency", "cost")
_CALLS = "tool-call-f1"
_SIMILAR = ("similar", "similar:cosine")
_SIMILARITY = 0.75
"""The threshold of an assertion that states none."""


@dataclass
class ImportedAssertions:
    """The converted assertions of one test, or of all tests."""

    checks: list[Check] = field(default_factory=list)
    golden: list[str] = field(default_factory=list)
    metrics: dict[str, None] = field(default_factory=dict)
    gates: dict[str, None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """Names of the tools that must be called."""
    graded: list[Graded] = field(default_factory=list)
    """Questions to a judge."""


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


def depends_on_test(node: Node) -> bool:
    """Whether an assertion reads variables of the test: by a template or as context. Code gets them itself."""
    kind = node["type"].text.removeprefix("not-")
    if kind in GRADED and "context" in GRADED[kind].sees:
        return True
    is_program = kind in KINDS
    return not is_program and any("{{" in text or "{%" in text for text in _texts(node.value))


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
    except NoEquivalentError as reason:
        source.note(item, f"assertion {kind[:60] or '(no type)'}: {reason}")


def _convert_kind(
    source: Source, item: Node, kind: str, render: Callable[[str], str], found: ImportedAssertions
) -> None:
    plain_kind, negated = kind.removeprefix("not-"), kind.startswith("not-")
    _check_keys(item, plain_kind)
    if plain_kind in KINDS:
        _program(source, item, kind, found)
        return
    (_note_grader if plain_kind in GRADED else _note_weights)(source, item, kind)
    if plain_kind in _GATES:
        _gate(source, item, kind, negated, found)
        return
    value = _value(source, item["value"], render)
    if plain_kind in GRADED:
        found.graded += graded(item, value)
        return
    if plain_kind == _CALLS:
        _calls(source, item, value, negated, found)
        return
    if plain_kind in _SIMILAR:
        found.checks.append(_similar(source, item, value, negated))
        return
    if plain_kind in _MEASURES:
        _measure(source, item, kind, value, negated, found)
        return
    checks = [validated(name, option) for name, option in _translated(source, item, plain_kind, value)]
    found.checks += [negation(checks)] if negated else checks
    if plain_kind == "equals" and not negated and isinstance(value, str) and value.strip():
        found.golden.append(value)
        found.metrics["exact"] = None


def _check_keys(item: Node, kind: str) -> None:
    """Raises NoEquivalentError for an assertion that a check cannot express."""
    if kind not in KNOWN:
        raise NoEquivalentError("no equivalent check")
    more = ("config",) if kind in KINDS else ("provider",) if kind in GRADED else ()
    known = (*_KEYS, *more)
    if unknown := [key for key, _ in item.items() if key not in known]:
        raise NoEquivalentError(f"'{unknown[0]}' has no equivalent")
    if item["weight"].plain in (0, "0") and kind not in GRADED:
        raise NoEquivalentError("with weight 0 it never fails, and a check does")


def _note_weights(source: Source, item: Node, kind: str) -> None:
    for key in ("weight", "metric"):
        if item[key]:
            source.note(item[key], f"assertion {kind}: '{key}' has no equivalent: all checks count the same")


def _note_grader(source: Source, item: Node, kind: str) -> None:
    if item["weight"].plain not in (None, 0, "0", 1, "1"):
        source.note(item["weight"], f"assertion {kind}: 'weight' has no equivalent: each metric has a gate of its own")
    if item["provider"]:
        source.note(item["provider"], f"assertion {kind}: 'provider' has no equivalent: --judge names the judge of all")


def _translated(source: Source, item: Node, kind: str, value: Any) -> list[tuple[str, Any]]:
    if kind == "is-json" and isinstance(value, str) and value:
        value = _schema(source, item, value)
    return TRANSLATIONS[kind](value)


def _schema(source: Source, item: Node, text: str) -> Any:
    """The schema in a text, which is read as YAML."""
    try:
        return plain(read_yaml(text, item.document.file, source.limits, merges=True).value)
    except DocumentError as error:
        raise NoEquivalentError(f"its schema cannot be read: {error.problem.message}") from None


def _gate(source: Source, item: Node, kind: str, negated: bool, found: ImportedAssertions) -> None:
    if negated:
        raise NoEquivalentError("no equivalent gate")
    found.gates[kind] = None
    source.note(
        item, f"assertion {kind}: now a gate that compares with the accepted runs; the limit per answer is dropped"
    )


def _program(source: Source, item: Node, kind: str, found: ImportedAssertions) -> None:
    """A check to write in Python, named after the metric or the function of the assertion."""
    code = item["value"].text.strip()
    if not code:
        raise NoEquivalentError("expected code, or a file with code")
    limit = item["threshold"].plain if item["threshold"] else None
    config = json.dumps(item["config"].plain, ensure_ascii=False) if item["config"] else ""
    wanted = item["metric"].text or (function_of(code) if code.startswith(FILE) else "")
    place = str(item.document.problem(item.loc, "")).rstrip(": ")
    name = source.programs.check(Program(limited(kind, limit), code, config), wanted, place)
    found.checks.append({name: True})
    source.note(item, f"assertion {kind}: now the check '{name}', a stub that you write in Python")
    if item["weight"]:
        source.note(item["weight"], f"assertion {kind}: 'weight' has no equivalent: all checks count the same")


def _calls(source: Source, item: Node, value: Any, negated: bool, found: ImportedAssertions) -> None:
    names = expected_calls(value)
    if negated or not names:
        raise NoEquivalentError("its negation has no equivalent" if negated else "expected names of tools")
    if not source.offers_tools:
        raise NoEquivalentError("no provider has tools that can be imported")
    found.calls = [*dict.fromkeys([*found.calls, *names])]
    limit = item["threshold"].plain if item["threshold"] else "its default"
    source.note(item, f"assertion {_CALLS}: now the metric tool_calls with a gate; the threshold ({limit}) is dropped")


def _similar(source: Source, item: Node, value: Any, negated: bool) -> Check:
    """A check with the embedding model of the project, which is another one than promptfoo's."""
    if negated:
        raise NoEquivalentError("its negation has no equivalent")
    if not source.embedder:
        table = "[tool.evalharness.embedders.NAME]"
        raise NoEquivalentError(f"needs an embedding model: add {table} to pyproject.toml, and import again")
    try:
        limit = item["threshold"]
        threshold = float(limit.text) if limit.text else limit.plain or _SIMILARITY
        text, _, least = read_similar({"to": value, "model": source.embedder, "threshold": threshold})
    except ValueError as error:
        raise NoEquivalentError(str(error)) from None
    kind = item["type"].text
    source.note(item, f"assertion {kind}: now by the embedding model '{source.embedder}': check its threshold")
    return {"similar": {"to": text[0] if len(text) == 1 else [*text], "model": source.embedder, "threshold": least}}


def _measure(source: Source, item: Node, kind: str, value: Any, negated: bool, found: ImportedAssertions) -> None:
    if negated or not isinstance(value, str) or not value.strip():
        raise NoEquivalentError("expected a reference answer")
    found.golden.append(value)
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
        raise NoEquivalentError("its value is a program, which is not run")
    if not node.text.endswith((".json", ".yaml", ".yml", ".txt")):
        raise NoEquivalentError("expected a .json, .yaml or .txt file")
    opened = source.open_reference(node, node.text)
    if opened is None:
        raise NoEquivalentError("cannot read its file")
    value = opened.plain
    return js_trim(value) if isinstance(value, str) else value


def _rendered(value: Any, render: Callable[[str], str]) -> Any:
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        try:
            return render(value)
        except ValueError as error:
            raise NoEquivalentError(str(error)) from None
    return value


KNOWN = {*TRANSLATIONS, *GRADED, *_MEASURES, *_SIMILAR, *_GATES, *KINDS, _CALLS}
"""Supported names of promptfoo, without `not-`."""

"""promptfoo's tests: one case for each combination of the values that its variables list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from typing import Any

from evalharness.importers.assertions import expected_cell
from evalharness.importers.source import FILE, Node, Source, names, readable

_KNOWN = ("description", "vars", "assert", "metadata")
_MOST_COMBINATIONS = 10_000
_TEXTS = (".txt", ".md")


@dataclass
class FoundCase:
    """A case before its assertions are read."""

    label: str
    vars: dict[str, Any]
    tags: list[str]
    asserts: Node
    node: Node
    id: str = field(default="")


def read_cases(source: Source, tests: Node, defaults: Node) -> list[FoundCase]:
    """Every test, in order, with an id of its own."""
    shared = _tags(source, defaults["metadata"])
    every = (case for test in _tests(source, tests) for case in _expanded(source, test))
    found = [*islice(every, source.limits.cases)]
    if next(every, None) is not None:
        source.leave(tests, f"more than limits.cases = {source.limits.cases} tests: the rest is left out")
    for case, name in zip(found, names((case.label for case in found), "test"), strict=True):
        case.id, case.tags = name, [*dict.fromkeys([*shared, *case.tags])]
    return found


def read_vars(source: Source, node: Node) -> dict[str, Any]:
    """Variables, with the files that they name."""
    if isinstance(node.value, str):
        opened = source.opened(node, node.text)
        node = opened or Node(None, node.document, node.loc)
    elif isinstance(node.value, list):
        source.leave(node, "a list of files of variables: write the variables out")
    return {name: value for name, item in node.items() if (value := _value(source, item)) is not None}


def _tests(source: Source, tests: Node) -> Iterator[Node]:
    for item in tests.each():
        if not isinstance(item.value, str):
            yield item
            continue
        name = item.text.removeprefix(FILE)
        opened = source.opened(item, name) if readable(name) and "*" not in name and "://" not in name else None
        if opened is not None:
            yield from _rows(opened) if name.lower().endswith(".csv") else opened.each()
        elif not readable(name) or "*" in name or "://" in name:
            source.leave(item, f"the tests {name[:80]!r} are no .yaml, .json, .jsonl or .csv file: write them out")


def _rows(table: Node) -> Iterator[Node]:
    """A test for each row: `__expected...` are assertions, `__description` its name, all else without __ a variable."""
    for row in table.each():
        cells = {name.strip(): str(cell) for name, cell in row.value.items()}
        test: dict[str, Any] = {"vars": {name: cell for name, cell in cells.items() if not name.startswith("__")}}
        expected = [cell for name, cell in cells.items() if re.fullmatch(r"__expected\d*", name) and cell.strip()]
        test["assert"] = [expected_cell(cell) for cell in expected]
        test["metadata"] = {
            name.removeprefix("__metadata:"): cell for name, cell in cells.items() if name.startswith("__metadata:")
        }
        test["description"] = cells.get("__description", "")
        used = re.compile(r"__expected\d*|__metadata:.+|__description")
        rest = {
            name: cell for name, cell in cells.items() if name.startswith("__") and cell and not used.fullmatch(name)
        }
        yield Node(test | rest, row.document, row.loc)


def _expanded(source: Source, test: Node) -> Iterator[FoundCase]:
    if not isinstance(test.value, dict):
        source.leave(test, "a test that is no mapping")
        return
    source.leave_keys(test, _KNOWN, "of a test: ")
    variables = read_vars(source, test["vars"])
    lists = {name: value for name, value in variables.items() if isinstance(value, list) and value}
    combinations = product(*lists.values()) if lists else iter([()])
    for values in islice(combinations, _MOST_COMBINATIONS):
        chosen = variables | dict(zip(lists, values, strict=True))
        yield FoundCase(test["description"].text, chosen, _tags(source, test["metadata"]), test["assert"], test)
    if next(combinations, None) is not None:
        source.leave(test, f"more than {_MOST_COMBINATIONS:,} combinations of its variables: the rest is left out")


def _value(source: Source, node: Node) -> Any:
    if isinstance(node.value, list):
        return [value for item in node.each() if (value := _value(source, item)) is not None]
    if not node.text.startswith(FILE):
        if "{{" in node.text or "{%" in node.text:
            source.leave(node, "a template inside a variable stays as it is written: a variable is data here")
        return node.plain
    if not readable(node.text) and Path(node.text).suffix.lower() not in _TEXTS:
        source.leave(node, f"the variable {node.text[:80]!r} is neither text nor data")
        return None
    opened = source.opened(node, node.text)
    return None if opened is None else opened.plain


def _tags(source: Source, metadata: Node) -> list[str]:
    """`topic=refunds` for each value that is a text."""
    tags = []
    for name, item in metadata.items():
        values = [value.plain for value in item.each()]
        if any(isinstance(value, Mapping | list) for value in values):
            source.leave(item, f"metadata '{name}' is no text: it makes no tag")
            continue
        tags += [f"{name.removesuffix('[]')}={value}" for value in values]
    return tags

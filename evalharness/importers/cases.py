"""Convert tests of promptfoo to cases, one per combination of variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from typing import Any

from evalharness.importers.assertions import expected_cell
from evalharness.importers.source import FILE, Node, Source, is_data_file, unique_names

_KNOWN = ("description", "vars", "assert", "metadata")
_MAX_COMBINATIONS = 10_000
_TEXTS = (".txt", ".md")


@dataclass
class ImportedCase:
    """A case before its assertions are converted."""

    label: str
    vars: dict[str, Any]
    tags: list[str]
    asserts: Node
    node: Node
    id: str = field(default="")


def read_cases(source: Source, tests: Node, defaults: Node) -> list[ImportedCase]:
    """The cases in order, each with a unique id."""
    shared = _tags(source, defaults["metadata"])
    every = (case for test in _tests(source, tests) for case in _expanded(source, test))
    found = [*islice(every, source.limits.cases)]
    if next(every, None) is not None:
        source.note(tests, f"more than limits.cases = {source.limits.cases} tests: the others are skipped")
    for case, name in zip(found, unique_names((case.label for case in found), "test"), strict=True):
        case.id, case.tags = name, [*dict.fromkeys([*shared, *case.tags])]
    return found


def read_vars(source: Source, node: Node) -> dict[str, Any]:
    """The variables of a node, with the contents of the files that they reference."""
    if isinstance(node.value, str):
        opened = source.open_reference(node, node.text)
        node = opened or Node(None, node.document, node.loc)
    elif isinstance(node.value, list):
        source.note(node, "lists of variable files are not supported: write out the variables")
    return {name: value for name, item in node.items() if (value := _value(source, item)) is not None}


def _tests(source: Source, tests: Node) -> Iterator[Node]:
    for item in tests.each():
        if not isinstance(item.value, str):
            yield item
            continue
        name = item.text.removeprefix(FILE)
        opened = (
            source.open_reference(item, name) if is_data_file(name) and "*" not in name and "://" not in name else None
        )
        if opened is not None:
            yield from _rows(opened) if name.lower().endswith(".csv") else opened.each()
        elif not is_data_file(name) or "*" in name or "://" in name:
            source.note(
                item, f"expected tests in a .yaml, .json, .jsonl or .csv file, got {name[:80]!r}: write out the tests"
            )


def _rows(table: Node) -> Iterator[Node]:
    """A test for each row: `__expected...` are assertions, `__description` is the name, others are variables."""
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


def _expanded(source: Source, test: Node) -> Iterator[ImportedCase]:
    if not isinstance(test.value, dict):
        source.note(test, "a test must be a mapping")
        return
    source.note_unknown_keys(test, _KNOWN, "of a test: ")
    variables = read_vars(source, test["vars"])
    lists = {name: value for name, value in variables.items() if isinstance(value, list) and value}
    combinations = product(*lists.values()) if lists else iter([()])
    for values in islice(combinations, _MAX_COMBINATIONS):
        chosen = variables | dict(zip(lists, values, strict=True))
        yield ImportedCase(test["description"].text, chosen, _tags(source, test["metadata"]), test["assert"], test)
    if next(combinations, None) is not None:
        source.note(test, f"more than {_MAX_COMBINATIONS:,} combinations of variables: the others are skipped")


def _value(source: Source, node: Node) -> Any:
    if isinstance(node.value, list):
        return [value for item in node.each() if (value := _value(source, item)) is not None]
    if not node.text.startswith(FILE):
        if "{{" in node.text or "{%" in node.text:
            source.note(node, "the template in this variable is not rendered: variables are data")
        return node.plain
    if not is_data_file(node.text) and Path(node.text).suffix.lower() not in _TEXTS:
        source.note(node, f"the file {node.text[:80]!r} is not text or data: the variable is skipped")
        return None
    opened = source.open_reference(node, node.text)
    return None if opened is None else opened.plain


def _tags(source: Source, metadata: Node) -> list[str]:
    """Tags such as `topic=refunds`, one for each scalar value."""
    tags = []
    for name, item in metadata.items():
        values = [value.plain for value in item.each()]
        if any(isinstance(value, Mapping | list) for value in values):
            source.note(item, f"metadata '{name}' must be a scalar or a list of scalars: it is skipped")
            continue
        tags += [f"{name.removesuffix('[]')}={value}" for value in values]
    return tags

"""Find the tests of a configuration: in it, in the files that it names, and in scenarios."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from evalharness.importers.promptfoo.source import FILE, Node, Source, is_data_file, is_program
from evalharness.importers.promptfoo.tables import row_test

_TABLES = (".csv", ".tsv")
_MAX_FILES_DEEP = 3


def read_tests(source: Source, tests: Node, depth: int = 0) -> Iterator[Node]:
    """The tests in order; notes about files that cannot be imported."""
    for item in [tests] if isinstance(tests.value, dict) else tests.each():
        reference = item["path"] if item["path"].text else item
        if not isinstance(reference.value, str):
            yield item
            continue
        if item["config"]:
            source.note(item["config"], "of a file of tests: 'config' has no equivalent")
        for name in _files(source, reference):
            opened = source.open_reference(reference, name)
            if opened is not None:
                yield from _of_file(source, opened, name, depth + 1)


def _of_file(source: Source, opened: Node, name: str, depth: int) -> Iterator[Node]:
    if name.lower().endswith(_TABLES):
        yield from _rows(source, opened)
        return
    for item in opened.each():
        if item.text.startswith(FILE) and depth < _MAX_FILES_DEEP:
            yield from read_tests(source, item, depth)
        else:
            yield item


def _files(source: Source, item: Node) -> Iterator[str]:
    """The data files that a reference names."""
    name = item.text.removeprefix(FILE)
    if re.match(r"[A-Za-z][\w+.-]+://", name):
        source.note(item, f"the tests {name[:80]!r} are remote: save them as a .csv or .jsonl file")
        return
    for found in source.expand(item, name):
        if is_data_file(found):
            yield found
            continue
        what = "programs are not run" if is_program(found) else "expected a .yaml, .json, .jsonl or .csv file"
        source.note(item, f"the tests {found[:80]!r}: {what}: write out the tests")


def _rows(source: Source, table: Node) -> Iterator[Node]:
    """A test for each row of a table."""
    for row in table.each():
        test, unknown = row_test(row.value)
        node = Node(test, row.document, row.loc)
        for name in unknown:
            source.note(node, f"of a test: the column '{name}' has no equivalent")
        yield node


def read_scenarios(source: Source, scenarios: Node) -> Iterator[tuple[Node, Node]]:
    """Each row of a scenario with each of its tests."""
    for scenario in _opened(source, scenarios):
        source.note_unknown_keys(scenario, ("description", "config", "tests"), "of a scenario: ")
        tests = [*read_tests(source, scenario["tests"])] or [_empty(scenario)]
        for row in _opened(source, scenario["config"]):
            yield from ((row, test) for test in tests)


def _opened(source: Source, node: Node) -> Iterator[Node]:
    """The items of a list, some of which may be in files."""
    for item in node.each():
        if not item.text.startswith(FILE):
            yield item
            continue
        for name in source.expand(item, item.text):
            opened = source.open_reference(item, name) if is_data_file(name) else None
            if opened is not None:
                yield from opened.each()
            elif not is_data_file(name):
                source.note(item, f"{name[:80]!r} is not a data file: it is left out")


def _empty(node: Node) -> Node:
    empty: dict[str, Any] = {}
    return Node(empty, node.document, node.loc)

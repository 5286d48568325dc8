"""Read YAML, JSONL and CSV into plain values that remember where they were written.

YAML is read by the 1.2 core schema, and later than usual: every bare scalar stays the text that was written
(`Bare`), and becomes a number, a truth value or null only in a field that asks for one. So `no`, `012`, `1:30` and
`2024-01-01` are text in a golden answer.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from evalharness.config import Limits
from evalharness.errors import Problem
from evalharness.records import Location

Loc = tuple[str | int, ...]
"""A path into a document: `("cases", 3, "vars", "question")`."""

_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "value", "merge")
}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}


class Bare(str):
    """A scalar written without quotes: text until a field asks for something else."""

    __slots__ = ()


def encodable(text: str) -> bool:
    """Whether the text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(value: Any) -> Any:
    """The value by the core schema: bare scalars become null, booleans and numbers; the rest stays as it is.

    A number counts as one only if it is written as JSON would: `012`, `+1` and `1.50` are text, so that nothing is lost
    when a template prints it.
    """
    if isinstance(value, Bare):
        return _resolve(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _resolve(text: Bare) -> Any:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    match = _NUMBER.fullmatch(text)
    if match is None:
        return str(text)
    number = float(text) if match[2] or match[3] else int(text)
    return number if str(number) == text and math.isfinite(number) else str(text)


class DocumentProblem(Exception):
    """The file cannot be read as what its name says."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a file, and where each part of it stands."""

    file: str
    value: Any
    locate: Callable[[Loc], Location]
    """The place of a value, or of the nearest thing around it that has a place."""

    def problem(self, loc: Loc, message: str) -> Problem:
        """A problem at that place."""
        where = self.locate(loc)
        return Problem(where.file, where.line, where.column, message)


def read_yaml(text: str, file: str, limits: Limits) -> Document:
    """A YAML document. Raises DocumentProblem: syntax, duplicate key, tag, depth, size after alias expansion."""
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise DocumentProblem(Problem(file, *where, f"not YAML: {error.problem or error}")) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentProblem(Problem(file, 0, 0, f"not YAML: {error}")) from None
    builder = _Builder(file, limits)
    return Document(file, None if node is None else builder.value(node, 1), lambda loc: _find(node, loc, file))


class _Builder:
    """Turns composed nodes into values, counting what aliases expand to."""

    def __init__(self, file: str, limits: Limits) -> None:
        self.file, self.limits, self.nodes = file, limits, 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        self.nodes += 1
        if depth > self.limits.depth:
            self.fail(node, f"nested deeper than limits.depth = {self.limits.depth}")
        if self.nodes > self.limits.nodes:
            self.fail(
                node, f"more than limits.nodes = {self.limits.nodes} values (aliases count as often as they are used)"
            )
        if node.tag not in _TAGS:
            self.fail(node, f"the tag {node.tag} has no meaning here: suites hold plain data")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if not encodable(node.value):
            self.fail(node, "half of a surrogate pair is not a character: write the whole character")
        assert isinstance(node, yaml.ScalarNode)
        return str(node.value) if node.style in ("'", '"', "|", ">") else Bare(node.value)

    def mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fail(key_node, "a key must be plain text")
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                self.fail(key_node, "merge keys (<<) are not part of YAML 1.2: write the keys out")
            if key in result:
                self.fail(key_node, f"the key '{key}' stands here twice: remove one")
            result[key] = self.value(value_node, depth + 1)
        return result

    def fail(self, node: yaml.Node, message: str) -> NoReturn:
        mark = node.start_mark
        raise DocumentProblem(Problem(self.file, mark.line + 1, mark.column + 1, message))


def _find(node: yaml.Node | None, loc: Loc, file: str) -> Location:
    """Follow `loc` through the nodes as far as it goes."""
    where = node
    for step in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            where = node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            where, node = pair or (where, node)  # a step that is not in the file (a missing key) leaves us where we are
    return Location(file) if where is None else Location(file, where.start_mark.line + 1, where.start_mark.column + 1)


def read_jsonl(text: str, file: str, limits: Limits) -> Document:
    """One JSON value a line, blank lines skipped; numbers keep the text that was written."""
    values, lines = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            values.append(_json_line(line, file, number, limits))
            lines.append(number)
    return Document(file, values, _by_line(file, lines))


def _json_line(line: str, file: str, number: int, limits: Limits) -> Any:
    def fail(message: str, column: int = 1) -> NoReturn:
        raise DocumentProblem(Problem(file, number, column, message))

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            fail(f"the key '{next(k for k in keys if keys.count(k) > 1)}' stands here twice: remove one")
        return dict(pairs)

    try:
        value = json.loads(
            line,
            object_pairs_hook=unique,
            parse_int=Bare,
            parse_float=Bare,
            parse_constant=lambda c: fail(f"{c} is not JSON"),
        )
    except json.JSONDecodeError as error:
        fail(f"not JSON: {error.msg}", error.colno)
    except RecursionError:
        fail(f"nested deeper than limits.depth = {limits.depth}")
    if _depth(value) > limits.depth:
        fail(f"nested deeper than limits.depth = {limits.depth}")
    if "\\u" in line and not encodable(json.dumps(value, ensure_ascii=False)):
        fail("half of a surrogate pair is not a character: write the whole character")
    return value


def _depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((_depth(child) for child in children), default=0)


def read_csv(text: str, file: str, limits: Limits) -> Document:
    """Rows under a header line, all cells text: a list of mappings from column to cell."""
    csv.field_size_limit(int(limits.file_mb * 1e6))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, lines, end = [], [], 0
    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise DocumentProblem(Problem(file, 1, 1, "two columns have the same name"))
        end = reader.line_num
        for row in reader:
            if row and len(row) != len(header):
                message = f"this row has {len(row)} cells, the header has {len(header)}"
                raise DocumentProblem(Problem(file, end + 1, 1, message))
            if row:
                rows.append(dict(zip(header, row, strict=True)))
                lines.append(end + 1)
            end = reader.line_num
    except csv.Error as error:
        raise DocumentProblem(Problem(file, end + 1, 1, f"not CSV: {error}")) from None
    return Document(file, rows, _by_line(file, lines))


def _by_line(file: str, lines: Sequence[int]) -> Callable[[Loc], Location]:
    def locate(loc: Loc) -> Location:
        row = loc[0] if loc and isinstance(loc[0], int) else None
        return Location(file) if row is None or row >= len(lines) else Location(file, lines[row], 1)

    return locate

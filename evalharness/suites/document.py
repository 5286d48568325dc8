"""Read YAML into plain values with their positions in the file.

YAML follows the 1.2 core schema, and scalars are resolved late: a bare scalar stays text (`Bare`) until a field
requires a number, a boolean or null. So `no`, `012`, `1:30` and `2024-01-01` are text in a golden answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from evalharness.config import Limits
from evalharness.errors import Problem
from evalharness.records import Location

Loc = tuple[str | int, ...]
"""A path into a document: `("cases", 3, "vars", "question")`."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_MAX_NUMBER_CHARS = 24
"""No float needs more. Longer digits are text, such as an account number."""
_MAX_MESSAGE_CHARS = 500
_READ_AHEAD_CHARS = 2_048
"""Twice the 1,024 characters that a YAML scanner may read ahead to find the end of a key (YAML 1.2.2, 7.4.2)."""


class Bare(str):
    """A scalar written without quotes: text until a field requires another type."""

    __slots__ = ()


def plain(value: Any) -> Any:
    """The value with its bare scalars resolved to null, booleans and numbers.

    A number must be written as JSON writes it. `012`, `+1` and `1.50` stay text, so that a template prints them as
    they were written.
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
    value = number(text)
    return value if not isinstance(value, str) and str(value) == text else str(text)


def number(value: Any) -> Any:
    """The number that a bare scalar spells in JSON; other values unchanged."""
    match = _NUMBER.fullmatch(value) if isinstance(value, Bare) and len(value) <= _MAX_NUMBER_CHARS else None
    if match is None:
        return value
    found = float(value) if match[2] or match[3] else int(value)
    return found if math.isfinite(found) else value


def problem(file: str, line: int, column: int, message: str) -> Problem:
    """A problem with a one-line message of at most 500 characters.

    CI systems interpret the start of a line, and messages quote untrusted files.
    """
    text = " ".join(message.split())
    return Problem(file, line, column, text if len(text) <= _MAX_MESSAGE_CHARS else text[:_MAX_MESSAGE_CHARS] + "…")


class DocumentError(Exception):
    """The content of a file does not match its format."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a file, and the position of each part of it."""

    file: str
    value: Any
    locate: Callable[[Loc], Location]
    """The position of a value, or of the closest enclosing value that has one."""

    def problem(self, loc: Loc, message: str) -> Problem:
        """A problem at the position of `loc`."""
        where = self.locate(loc)
        return problem(where.file, where.line, where.column, message)


def read_yaml(text: str, file: str, limits: Limits, *, merges: bool = False) -> Document:
    """The value of a YAML file.

    `merges` accepts merge keys (<<), which YAML 1.2 does not have but other tools read.

    Raises DocumentError: invalid syntax, a duplicate key, a tag, or a limit exceeded after alias expansion.
    """
    try:
        _check_events(text, file, limits)
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise DocumentError(problem(file, *where, f"invalid YAML: {error.problem or error}")) from None
    except yaml.reader.ReaderError as error:
        line = text.encode("utf-8", "replace")[: error.position].count(b"\n") + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"character U+{code:04X} is not allowed in YAML: {error.reason}"
        raise DocumentError(problem(file, line, 0, message)) from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise DocumentError(problem(file, 0, 0, f"invalid YAML: {error}")) from None
    builder = _Builder(file, limits, merges)
    return Document(file, None if node is None else builder.value(node, 1), lambda loc: _find(node, loc, file))


def _check_events(text: str, file: str, limits: Limits) -> None:
    """Check depth, size and tags before PyYAML builds nodes: its C code overflows the stack at about 10,000 levels.

    The C scanner of libyaml 0.2.6 and later rejects 1,000 levels, and it scans ahead of its events. If brackets are
    open before an error, PyYAML's Python parser, which has no limit, decides whether `limits.depth` is exceeded first.
    """
    try:
        _count_events(yaml.parse(text, Loader=yaml.CSafeLoader), file, limits)
    except yaml.MarkedYAMLError as error:
        end = error.problem_mark.index if error.problem_mark else 0
        if _open_brackets(text[max(0, end - _READ_AHEAD_CHARS) : end]) > limits.depth:
            with suppress(yaml.YAMLError):
                _count_events(yaml.parse(text[:end], Loader=yaml.SafeLoader), file, limits)
        raise


def _open_brackets(text: str) -> int:
    return text.count("[") + text.count("{") - text.count("]") - text.count("}")


def _count_events(events: Iterable[yaml.Event], file: str, limits: Limits) -> None:
    depth = nodes = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > limits.depth:
            _fail(event, file, f"nested deeper than limits.depth = {limits.depth}")
        if nodes > limits.nodes:
            _fail(event, file, f"more than limits.nodes = {limits.nodes} values")
        if (tag := getattr(event, "tag", None)) is not None:
            _fail(
                event, file, f"YAML tag {tag} is not supported: suites hold plain data. Quote the value if it is text"
            )


def _fail(item: yaml.Event | yaml.Node, file: str, message: str) -> NoReturn:
    mark = item.start_mark
    assert mark is not None  # PyYAML's types allow for events made by hand
    raise DocumentError(problem(file, mark.line + 1, mark.column + 1, message))


class _Builder:
    """Turns composed nodes into values and counts each use of an alias."""

    def __init__(self, file: str, limits: Limits, merges: bool) -> None:
        self.file, self.limits, self.merges, self.nodes, self.chars = file, limits, merges, 0, 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        self.count(node, depth)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        assert isinstance(node, yaml.ScalarNode)
        self.chars += len(node.value)
        return str(node.value) if node.style in ("'", '"', "|", ">") else Bare(node.value)

    def count(self, node: yaml.Node, depth: int) -> None:
        self.nodes += 1
        limits, note = self.limits, "(each use of an alias counts)"
        if depth > limits.depth:
            self.fail(node, f"nested deeper than limits.depth = {limits.depth} {note}")
        if self.nodes > limits.nodes:
            self.fail(node, f"more than limits.nodes = {limits.nodes} values {note}")
        if self.chars > limits.file_mb * 1e6:
            self.fail(node, f"more text than limits.file_mb = {limits.file_mb:g} megabytes {note}")

    def mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fail(key_node, "a key must be plain text")
            key = str(key_node.value)
            if key == "<<" and not key_node.style:
                new = self.merged(key_node, value_node, depth)
                merged |= new.keys() - result.keys()
                result = new | result
                continue
            if key in result and key not in merged:
                self.fail(key_node, f"duplicate key '{key}'")
            merged.discard(key)
            result[key] = self.value(value_node, depth + 1)
        return result

    def merged(self, key: yaml.Node, value: yaml.Node, depth: int) -> dict[str, Any]:
        """The keys that a merge adds; of several mappings, the first with a key counts."""
        if not self.merges:
            self.fail(key, "merge keys (<<) are not part of YAML 1.2: write the keys out")
        result: dict[str, Any] = {}
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if not isinstance(source, yaml.MappingNode):
                self.fail(key, "a merge key (<<) must name mappings")
            result = self.value(source, depth + 1) | result
        return result

    def fail(self, node: yaml.Node, message: str) -> NoReturn:
        _fail(node, self.file, message)


def _find(node: yaml.Node | None, loc: Loc, file: str) -> Location:
    """The position of the last node that `loc` reaches."""
    where = node
    for step in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            where = node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            where, node = pair or (where, node)  # a missing key keeps the position of its parent
    return Location(file) if where is None else Location(file, where.start_mark.line + 1, where.start_mark.column + 1)
